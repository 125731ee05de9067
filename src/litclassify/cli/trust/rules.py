"""The packages, classes and functions that a config may name, and what stays closed in them."""

import torch

# Where classes and constants may come from. Of torch and lightning, the parts that a training is built from: their
# other parts hold many ways to run code, and more with each release.
ALLOWED = (
    # In this package too: an argument without a type takes any class, and some write files as they are built.
    *(
        f"litclassify.{name}"
        for name in (
            "batch_mixing",
            "callbacks",
            "class_weights",
            "data",
            "losses",
            "metrics",
            "models",
            "networks",
            "optim",
            "rejection",
            "test_time_augmentation",
        )
    ),
    "timm.optim",
    "torch.nn",
    "torch.optim",
    "torch.utils.data",
    "torch.amp.GradScaler",
    "torch.amp.grad_scaler.GradScaler",
    "torch.distributed.algorithms.ddp_comm_hooks",
    "torch.distributed.fsdp",
    "torch.device",
    "torch.dtype",
    "torch.Generator",
    *(f"torch.{name}" for name in ("relu", "sigmoid", "softmax", "tanh")),
    *(f"torch.{name}" for name, value in vars(torch).items() if isinstance(value, torch.dtype)),
    # Where torch's built-in functions of tensors are defined.
    "torch._VariableFunctionsClass",
    "torch._C._nn",
    "torchmetrics",
    "torchvision.models",
    "torchvision.ops",
    "torchvision.transforms",
    "torchvision.tv_tensors",
    *(
        f"{package}.{name}"
        for package in ("lightning.pytorch", "lightning.fabric", "pytorch_lightning", "lightning_fabric")
        for name in ("accelerators", "plugins", "strategies")
    ),
    # The loggers of services are left out: they hand their arguments on to packages that start programs of their own.
    *(
        f"{package}.{name}"
        for package in ("lightning.pytorch", "pytorch_lightning")
        for name in (
            "callbacks",
            "cli.ReduceLROnPlateau",
            "loggers.CSVLogger",
            "loggers.csv_logs",
            "loggers.TensorBoardLogger",
            "loggers.tensorboard",
            "profilers",
        )
    ),
)

# Where functions may come from. A config can call a function with any arguments, so these are functions of tensors,
# and builders of networks.
FUNCTIONS = (
    "litclassify.losses",
    "litclassify.networks",
    "litclassify.optim",
    "lightning.pytorch.callbacks",
    "pytorch_lightning.callbacks",
    "torch._C._nn",
    "torch._VariableFunctionsClass",
    "torch.distributed.algorithms.ddp_comm_hooks",
    "torch.distributed.algorithms._comm_hooks",
    "torch.distributed.fsdp.wrap",
    "torch.nn.functional",
    "torch.nn.init",
    "torch.optim.swa_utils",
    "torchmetrics.functional",
    "torchvision.models",
    "torchvision.ops",
    "torchvision.transforms",
)

# What stays closed in packages that are open, by ALLOWED or by the user; jsonargparse's own list covers the standard
# library. Each executes code, imports by name, unpickles, compiles, starts processes, or writes or fetches files.
DENIED = (
    "builtins",
    "litclassify.cli",
    "litclassify.data.cifar.extract_files",
    "lightning.app",
    "lightning.data",
    *(
        f"{package}.{name}"
        for package in ("lightning.pytorch", "pytorch_lightning")
        for name in ("cli", "core", "demos", "serve", "strategies.launchers", "trainer", "tuner", "utilities")
    ),
    *(
        f"{package}.{name}"
        for package in ("lightning.fabric", "lightning_fabric")
        for name in ("cli", "fabric", "strategies.launchers", "utilities", "wrappers")
    ),
    "torch._C",
    "torch._VariableFunctionsClass.from_file",
    "torch._classes",
    "torch._dynamo",
    "torch._export",
    "torch._functorch",
    "torch._inductor",
    "torch._jit_internal",
    "torch._library",
    "torch._ops",
    "torch._utils_internal",
    "torch._weights_only_unpickler",
    "torch.classes",
    "torch.compile",
    "torch.compiler",
    "torch.cuda.jiterator",
    "torch.distributed.checkpoint",
    "torch.distributed.distributed_c10d",
    "torch.distributed.elastic",
    "torch.distributed.launch",
    "torch.distributed.launcher",
    "torch.distributed.rpc",
    "torch.distributed.run",
    "torch.export",
    "torch.from_file",
    "torch.fx",
    "torch.hub",
    "torch.import_ir_module",
    "torch.import_ir_module_from_buffer",
    "torch.jit",
    "torch.library",
    "torch.load",
    "torch.mps.compile_shader",
    "torch.multiprocessing",
    "torch.nn.attention",
    "torch.nn.cpp",
    "torch.nn.utils._deprecation_utils",
    "torch.onnx",
    "torch.ops",
    "torch.overrides",
    "torch.package",
    "torch.save",
    "torch.serialization",
    "torch.storage",
    "torch.testing",
    "torch.utils._triton",
    "torch.utils.backend_registration",
    "torch.utils.benchmark",
    "torch.utils.bottleneck",
    "torch.utils.bundled_inputs",
    "torch.utils.collect_env",
    "torch.utils.cpp_backtrace",
    "torch.utils.cpp_extension",
    "torch.utils.data._utils",
    "torch.utils.data.datapipes",
    "torch.utils.data.graph",
    "torch.utils.file_baton",
    "torch.utils.hipify",
    "torch.utils.mobile_optimizer",
    "torch.utils.model_dump",
    "torch.utils.model_zoo",
    "torch.utils.show_pickle",
    "torch.utils.viz",
    *(
        f"torchmetrics.{prefix}{name}"
        for prefix in ("", "functional.")
        for name in ("audio", "detection", "image", "multimodal", "text")
    ),
    "torchmetrics.utilities",
    "torchvision.datasets.utils",
    "torchvision.extension",
    "torchvision.io",
    "torchvision.models.feature_extraction",
    "torchvision.utils",
)
