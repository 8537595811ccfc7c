"""Where the modules and names of Keras 0.3, 1, 2 and 3 are in Kerato, as tables.

Nothing is imported here: `kerato.legacy.imports` looks up what a script asks for, when it asks.
"""

from __future__ import annotations

_LAYERS = "layers spatial"
_MODELS = "models saving layers"

#: module of Keras, without `keras.` -> the modules of Kerato where its names are, the first that has one gives it.
#: The module of the same path comes before them.
MODULES: dict[str, str] = {
    "": ". models layers",
    "activations": "",
    "applications": "",
    "backend": "config",
    "callbacks": "",
    "config": "",
    "constraints": "",
    "datasets": "",
    "distribution": "distribute",
    "dtype_policies": "config",
    "engine": _MODELS,
    "export": "saving",
    "initializations": "initializers",
    "initializers": "",
    "layers": "spatial models",
    "legacy": _LAYERS,
    "losses": "",
    "metrics": "",
    "mixed_precision": "config",
    "models": "saving layers",
    "objectives": "losses",
    "ops": "",
    "optimizers": "schedules",
    "preprocessing": "",
    "random": "",
    "regularizers": "",
    "saving": "models",
    "utils": "saving",
    "wrappers": "",
}

#: parent -> its modules, and where their names are
_CHILDREN: dict[str, tuple[str, str]] = {
    "applications": (
        "convnext densenet efficientnet efficientnet_v2 imagenet_utils inception_resnet_v2 inception_v3 mobilenet"
        " mobilenet_v2 mobilenet_v3 music_tagger_crnn nasnet resnet resnet50 resnet_v2 vgg16 vgg19 xception",
        "applications",
    ),
    "backend": ("cntk_backend common load_backend tensorflow_backend theano_backend", "backend config"),
    "callbacks": ("callbacks tensorboard_v1 tensorboard_v2", "callbacks"),
    "datasets": ("boston_housing cifar10 cifar100 fashion_mnist imdb mnist reuters", ""),
    "engine": (
        "base_layer base_layer_v1 functional input_layer network saving sequential topology training"
        " training_generator training_utils",
        _MODELS,
    ),
    "layers": (
        "advanced_activations containers convolutional convolutional_recurrent core cudnn_recurrent embeddings"
        " experimental local merge noise normalization pooling preprocessing recurrent wrappers",
        _LAYERS,
    ),
    "layers.experimental": ("preprocessing", _LAYERS),
    "legacy": ("interfaces layers models", _MODELS),
    "mixed_precision": ("experimental", "config"),
    "optimizers": ("legacy schedules", "optimizers schedules"),
    "preprocessing": ("image sequence text", ""),
    "utils": (
        "conv_utils data_utils generic_utils io_utils layer_utils multi_gpu_utils np_utils test_utils theano_utils"
        " training_utils vis_utils visualize_util",
        "utils saving config",
    ),
    "wrappers": ("scikit_learn", ""),
}
for _parent, (_names, _homes) in _CHILDREN.items():
    MODULES |= {f"{_parent}.{_name}": _homes for _name in _names.split()}

#: a layer's older name -> today's
RENAMED_LAYERS = {
    "AtrousConv1D": "Conv1D",
    "AtrousConv2D": "Conv2D",
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "AvgPool1D": "AveragePooling1D",
    "AvgPool2D": "AveragePooling2D",
    "AvgPool3D": "AveragePooling3D",
    "Container": "Model",
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution2DTranspose": "Conv2DTranspose",
    "Convolution3D": "Conv3D",
    "Convolution3DTranspose": "Conv3DTranspose",
    "CuDNNGRU": "GRU",
    "CuDNNLSTM": "LSTM",
    "Deconv2D": "Conv2DTranspose",
    "Deconv3D": "Conv3DTranspose",
    "Deconvolution2D": "Conv2DTranspose",
    "Deconvolution3D": "Conv3DTranspose",
    "Functional": "Model",
    "GlobalAvgPool1D": "GlobalAveragePooling1D",
    "GlobalAvgPool2D": "GlobalAveragePooling2D",
    "GlobalAvgPool3D": "GlobalAveragePooling3D",
    "GlobalMaxPool1D": "GlobalMaxPooling1D",
    "GlobalMaxPool2D": "GlobalMaxPooling2D",
    "GlobalMaxPool3D": "GlobalMaxPooling3D",
    "MaxPool1D": "MaxPooling1D",
    "MaxPool2D": "MaxPooling2D",
    "MaxPool3D": "MaxPooling3D",
    "Network": "Model",
    "SeparableConvolution1D": "SeparableConv1D",
    "SeparableConvolution2D": "SeparableConv2D",
    "TimeDistributedDense": "Dense",
}

#: first part of a module's path -> old name -> today's
RENAMED: dict[str, dict[str, str]] = {
    "constraints": {
        "maxnorm": "max_norm",
        "nonneg": "non_neg",
        "unitnorm": "unit_norm",
    },
    "engine": RENAMED_LAYERS,
    "initializations": {"one": "ones", "zero": "zeros"},
    "layers": RENAMED_LAYERS,
    "legacy": RENAMED_LAYERS,
    "metrics": {"cosine_proximity": "cosine_similarity"},
    "mixed_precision": {
        "Policy": "dtype_policy",
        "global_policy": "dtype_policy",
        "set_global_policy": "set_dtype_policy",
        "set_policy": "set_dtype_policy",
    },
    "models": RENAMED_LAYERS,
    "optimizers": {
        "adadelta": "Adadelta",
        "adagrad": "Adagrad",
        "adam": "Adam",
        "adamax": "Adamax",
        "nadam": "Nadam",
        "rmsprop": "RMSprop",
        "sgd": "SGD",
    },
    "regularizers": {
        "WeightRegularizer": "L1L2",
        "activity_l1": "l1",
        "activity_l1l2": "l1_l2",
        "activity_l2": "l2",
        "l1l2": "l1_l2",
    },
    "utils": {
        "CustomObjectScope": "custom_object_scope",
    },
}

#: module and name, without `keras.` -> what Kerato keeps in `kerato.legacy` where it has nothing of that name today
SUPPLIED: dict[str, str] = {
    "engine.InputSpec": "objects:InputSpec",
    "engine.merge": "objects:merge",
    "layers.Highway": "objects:Highway",
    "layers.InputSpec": "objects:InputSpec",
    "layers.MaxoutDense": "objects:MaxoutDense",
    "layers.Merge": "objects:Merge",
    "layers.deserialize": "objects:deserialize",
    "layers.merge.()": "objects:merge",
    "layers.serialize": "objects:serialize",
    "legacy.Highway": "objects:Highway",
    "legacy.MaxoutDense": "objects:MaxoutDense",
    "legacy.Merge": "objects:Merge",
    "models.Merge": "objects:Merge",
    "utils.probas_to_classes": "objects:probas_to_classes",
}

#: module and name -> what it is except in today's dialect, though today has something of that name
OTHERWISE: dict[str, str] = {
    "activations.hard_sigmoid": "tables:activations.hard_sigmoid",
    "activations.relu": "tables:activations.relu",
    "datasets.imdb.load_data": "texts:load_imdb",
    "initializations.get": "objects:initialization",
    "initializers.glorot_normal": "tables:initializers.glorot_normal",
    "initializers.he_normal": "tables:initializers.he_normal",
    "layers.TimeDistributedDense": "objects:TimeDistributedDense",
    "losses.hinge": "tables:losses.hinge",
    "losses.squared_hinge": "tables:losses.squared_hinge",
    "metrics.hinge": "tables:metrics.hinge",
    "metrics.squared_hinge": "tables:metrics.squared_hinge",
    "preprocessing.text.Tokenizer": "texts:Tokenizer",
    "regularizers.l1_l2": "tables:regularizers.l1_l2",
    "utils.to_categorical": "objects:to_categorical",
}

#: module and name -> what to say of a name that has no successor
GONE: dict[str, str] = {
    "models.Graph": "Keras 1 replaced it by Model(inputs, outputs)",
    "wrappers.KerasClassifier": "fit, predict and evaluate of the model itself take NumPy arrays",
    "wrappers.KerasRegressor": "fit, predict and evaluate of the model itself take NumPy arrays",
}
