"""The networks of the works, written once against Keras's API: every side runs this same code."""

from __future__ import annotations

from typing import Any


def compiled(keras: Any, layers: list[Any], optimizer: str = "adam") -> Any:
    """A Sequential of `layers`, compiled for ten classes."""
    return with_loss(keras.Sequential(layers), optimizer)


def with_loss(model: Any, optimizer: str) -> Any:
    """`model`, compiled for integer labels of ten classes."""
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def mnist_net(keras: Any) -> Any:
    """The book's network of section 8.1: 1,199,882 parameters."""
    kind = keras.layers
    return compiled(
        keras,
        [
            keras.Input((28, 28, 1)),
            kind.Conv2D(32, 3, activation="relu"),
            kind.Conv2D(64, 3, activation="relu"),
            kind.MaxPooling2D(2),
            kind.Dropout(0.25),
            kind.Flatten(),
            kind.Dense(128, activation="relu"),
            kind.Dropout(0.5),
            kind.Dense(10, activation="softmax"),
        ],
    )


def cifar_net(keras: Any) -> Any:
    """The book's network of section 8.2: 1,250,858 parameters."""
    kind = keras.layers
    blocks = [
        layer
        for filters in (32, 64)
        for layer in (
            kind.Conv2D(filters, 3, padding="same", activation="relu"),
            kind.Conv2D(filters, 3, activation="relu"),
            kind.MaxPooling2D(2),
            kind.Dropout(0.25),
        )
    ]
    head = [
        kind.Flatten(),
        kind.Dense(512, activation="relu"),
        kind.Dropout(0.5),
        kind.Dense(10, activation="softmax"),
    ]
    return compiled(keras, [keras.Input((32, 32, 3)), *blocks, *head], "rmsprop")


def resnet20(keras: Any, augmented: bool = False) -> Any:
    """ResNet-20 for 32 x 32 pictures (He et al. 2015, arXiv:1512.03385, section 4.2), projections by 1 x 1.

    `augmented` puts that paper's augmentation in front: mirrored, and moved by up to four pixels, with zeros around.
    """
    kind = keras.layers

    def normed(x: Any, filters: int, size: int, strides: int, relu: bool = True) -> Any:
        x = kind.Conv2D(filters, size, strides=strides, padding="same", use_bias=False)(x)
        x = kind.BatchNormalization()(x)
        return kind.Activation("relu")(x) if relu else x

    x = entry = keras.Input((32, 32, 3))
    if augmented:
        x = kind.RandomTranslation(0.125, 0.125, fill_mode="constant")(kind.RandomFlip("horizontal")(x))
    x = normed(x, 16, 3, 1)
    for filters in (16, 32, 64):
        for block in range(3):
            strides = 2 if filters > 16 and block == 0 else 1
            y = normed(normed(x, filters, 3, strides), filters, 3, 1, relu=False)
            shortcut = normed(x, filters, 1, strides, relu=False) if strides > 1 else x
            x = kind.Activation("relu")(kind.Add()([shortcut, y]))
    x = kind.GlobalAveragePooling2D()(x)
    return with_loss(keras.Model(entry, kind.Dense(10, activation="softmax")(x)), "adam")


def perceptron(keras: Any) -> Any:
    """784-32-10: so little arithmetic that the time is the framework's own."""
    dense = keras.layers.Dense
    return compiled(keras, [keras.Input((784,)), dense(32, activation="relu"), dense(10, activation="softmax")])


def vgg_conv5_1(keras: Any) -> Any:
    """VGG-16 up to its first layer of block five, for 128 x 128 pictures (Simonyan and Zisserman 2014)."""
    kind = keras.layers
    layers = [keras.Input((128, 128, 3))]
    for filters, count in ((64, 2), (128, 2), (256, 3), (512, 3)):
        layers += [kind.Conv2D(filters, 3, padding="same", activation="relu") for _ in range(count)]
        layers.append(kind.MaxPooling2D(2))
    return keras.Sequential([*layers, kind.Conv2D(512, 3, padding="same", activation="relu")])


def resnet50(keras: Any) -> Any:
    """ResNet-50 for 224 x 224 pictures: 23,608,202 parameters."""
    return with_loss(keras.applications.ResNet50(weights=None, input_shape=(224, 224, 3), classes=10), "adam")


def mobilenet(keras: Any) -> Any:
    """MobileNet for 128 x 128 pictures, most of its layers depthwise: 3,239,114 parameters."""
    return with_loss(keras.applications.MobileNet(weights=None, input_shape=(128, 128, 3), classes=10), "adam")


def augmentation(keras: Any, size: int) -> list[Any]:
    """The layers that change pictures (size, size, 3): mirrored, turned, nearer or farther, moved."""
    kind = keras.layers
    return [
        keras.Input((size, size, 3)),
        kind.RandomFlip("horizontal"),
        kind.RandomRotation(0.1),
        kind.RandomZoom(0.2),
        kind.RandomTranslation(0.1, 0.1),
    ]


def cats_net(keras: Any) -> Any:
    """The book's small network of section 7.1 for pictures (150, 150, 3) in [0, 255], behind the augmentation on the
    device: 1,212,513 parameters."""
    kind = keras.layers
    layers = [*augmentation(keras, 150), kind.Rescaling(1 / 255)]
    for filters in (32, 32, 64):
        layers += [kind.Conv2D(filters, 3, activation="relu"), kind.MaxPooling2D(2)]
    layers += [
        kind.Flatten(),
        kind.Dense(64, activation="relu"),
        kind.Dropout(0.5),
        kind.Dense(1, activation="sigmoid"),
    ]
    model = keras.Sequential(layers)
    model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["accuracy"])
    return model
