"""Train, evaluate and apply image classifiers: `python main.py fit --config configs/digits.yaml`."""

from litclassify.cli import main

if __name__ == "__main__":
    main()
