"""Ways to judge the labels of a data set before anyone trains on it: by predictions, features and networks."""
