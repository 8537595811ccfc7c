"""What the oracle compares: one line per case, read by both sides.

A layer's line is a constructor, a colon and what it is called with; `x(...)` are real numbers of a shape, `ints(...)`
whole ones, `flags(...)` masks, `pictures(...)` values of 0 to 255. A loss's line has the targets, the predictions and
the arguments; the arrays' names are in `arrays`. Every public name that both packages have needs a line.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def _generator(*shape: int) -> np.random.Generator:
    return np.random.default_rng([7, *shape])


def x(*shape: int) -> Array:
    """Distinct real numbers from -1 to 1 in random order, none near another or near 0."""
    size = int(np.prod(shape))
    ladder = (np.arange(size) + 0.5) / size * 2 - 1 + 0.1 / max(size, 50)
    return _generator(*shape).permutation(ladder).reshape(shape).astype("float32")


def ints(*shape: int, below: int) -> Array:
    """Whole numbers from 0 to `below - 1`."""
    return _generator(*shape, below).integers(0, below, shape).astype("int32")


def flags(*shape: int) -> Array:
    """A mask: True for the first steps of each sample, at least one."""
    lengths = _generator(*shape).integers(1, shape[1] + 1, shape[0])
    return np.arange(shape[1]) < lengths[:, None]


def pictures(*shape: int) -> Array:
    """Whole numbers of 0 to 255 as floats."""
    return ints(*shape, below=256).astype("float32")


INPUTS = {"x": x, "ints": ints, "flags": flags, "pictures": pictures}

LAYERS = """
Activation('tanh') : x(2, 5)
ActivityRegularization(0.1, 0.2) : x(2, 5)
AdaptiveAveragePooling1D(3) : x(2, 7, 3)
AdaptiveAveragePooling2D((2, 3), data_format='channels_first') : x(2, 3, 5, 7)
AdaptiveAveragePooling3D(2) : x(2, 3, 4, 5, 2)
AdaptiveMaxPooling1D(3) : x(2, 7, 3)
AdaptiveMaxPooling2D((2, 3)) : x(2, 5, 7, 3)
AdaptiveMaxPooling3D(2) : x(2, 3, 4, 5, 2)
Add() : [x(2, 3, 4), x(2, 4)[:, None]]
AdditiveAttention() : [x(2, 3, 4), x(2, 5, 4)]
AlphaDropout(0.3) : x(2, 5)
Attention(use_scale=True) : [x(2, 3, 4), x(2, 5, 4)]
AugMix() : pictures(2, 6, 7, 3)
AutoContrast() : pictures(2, 6, 7, 3)
AutoContrast((0, 1)) : pictures(2, 6, 7, 3) / 255
Average() : [x(2, 3), x(2, 3) ** 2]
AveragePooling1D(2, strides=3) : x(2, 8, 3)
AveragePooling1D(3, padding='same') : x(2, 8, 3)
AveragePooling2D((2, 3), strides=2) : x(2, 6, 7, 3)
AveragePooling2D(3, padding='same', data_format='channels_first') : x(2, 3, 5, 6)
AveragePooling3D(2, padding='same') : x(2, 3, 4, 5, 2)
BatchNormalization() : x(4, 3)
BatchNormalization(axis=1, momentum=0.7, epsilon=0.01, scale=False) : x(3, 2, 4, 5)
BatchNormalization() : x(4, 3, 2), mask=flags(4, 3)
Bidirectional(LSTM(3, return_sequences=True)) : x(2, 4, 3)
Bidirectional(GRU(3), merge_mode='sum') : x(2, 4, 3)
Bidirectional(SimpleRNN(3, return_sequences=True), merge_mode='mul') : x(2, 4, 3), mask=flags(2, 4)
Bidirectional(SimpleRNN(3), merge_mode='ave') : x(2, 4, 3)
CategoryEncoding(5) : ints(3, 4, below=5)
CategoryEncoding(5, output_mode='count') : ints(3, 4, below=5)
CategoryEncoding(5, output_mode='one_hot') : ints(3, 1, below=5)
CenterCrop(3, 4) : pictures(2, 6, 7, 3)
CenterCrop(8, 4) : pictures(2, 6, 7, 3)
Concatenate(axis=1) : [x(2, 3, 4), x(2, 5, 4)]
ContrastLimitedAdaptiveHistogramEqualization() : pictures(2, 24, 30, 3)
ContrastLimitedAdaptiveHistogramEqualization(clip_limit=0.0, tile_grid_size=(2, 3)) : pictures(2, 9, 7, 2)
Conv1D(3, 2, strides=2, padding='same', activation='tanh') : x(2, 7, 3)
Conv1D(4, 3, padding='causal', dilation_rate=2, groups=2) : x(2, 7, 4)
Conv1DTranspose(3, 4, strides=2, padding='same') : x(2, 5, 2)
Conv1DTranspose(3, 2, strides=3, output_padding=1) : x(2, 5, 2)
Conv2D(3, (2, 3), strides=(2, 1), padding='same', activation='relu') : x(2, 6, 5, 2)
Conv2D(4, 3, dilation_rate=2, use_bias=False) : x(2, 7, 6, 2)
Conv2D(4, 2, groups=2, data_format='channels_first') : x(2, 4, 5, 6)
Conv2DTranspose(3, 3, strides=2, padding='same') : x(2, 4, 3, 2)
Conv2DTranspose(3, (2, 3), strides=(1, 2), dilation_rate=1) : x(2, 4, 3, 2)
Conv2DTranspose(2, 3, strides=2, output_padding=1, data_format='channels_first') : x(2, 2, 4, 3)
Conv3D(2, 2, padding='same') : x(2, 3, 4, 3, 2)
Conv3D(2, (1, 2, 3), strides=2) : x(2, 3, 4, 5, 2)
Conv3DTranspose(2, 2, strides=2) : x(1, 2, 3, 2, 2)
ConvLSTM1D(2, 2, return_sequences=True) : x(2, 3, 5, 2)
ConvLSTM2D(2, 2, padding='same') : x(2, 3, 4, 3, 2)
ConvLSTM2D(2, (1, 2), return_sequences=True, go_backwards=True, strides=2) : x(2, 3, 4, 5, 2)
ConvLSTM3D(2, 2) : x(1, 2, 3, 3, 3, 1)
Cropping1D((1, 2)) : x(2, 6, 2)
Cropping2D(((1, 0), (2, 1))) : x(2, 5, 6, 2)
Cropping3D(((1, 0), (0, 1), (1, 1))) : x(2, 3, 4, 5, 2)
CutMix() : pictures(2, 6, 7, 3)
Dense(4, activation='sigmoid') : x(2, 3)
Dense(4, use_bias=False, activity_regularizer='l2') : x(2, 5, 3)
DepthwiseConv1D(3, depth_multiplier=2, padding='same') : x(2, 6, 3)
DepthwiseConv2D((2, 3), strides=2, depth_multiplier=2) : x(2, 6, 7, 3)
DepthwiseConv2D(2, padding='same', dilation_rate=2) : x(2, 5, 4, 3)
Discretization([-0.5, 0.0, 0.25]) : x(3, 4)
Discretization([-0.5, 0.0], output_mode='multi_hot') : x(3, 4)
Dot(axes=(2, 1)) : [x(2, 3, 4), x(2, 4, 5)]
Dot(axes=1, normalize=True) : [x(2, 4), x(2, 4) ** 2]
Dropout(0.3) : x(2, 5)
ELU(0.7) : x(2, 5)
EinsumDense('abc,cd->abd', output_shape=(None, 4), bias_axes='d') : x(2, 3, 5)
Embedding(7, 4, mask_zero=True) : ints(2, 5, below=7)
Equalization() : pictures(1, 24, 30, 3)
Equalization((0, 1), bins=32) : pictures(1, 9, 7, 2) / 255
Flatten() : x(2, 3, 4)
Flatten(data_format='channels_first') : x(2, 3, 4, 5)
GRU(3) : x(2, 4, 3)
GRU(3, return_sequences=True, reset_after=False, recurrent_activation='hard_sigmoid') : x(2, 4, 3), mask=flags(2, 4)
GRU(3, go_backwards=True, activation='relu', use_bias=False) : x(2, 4, 3)
GRUCell(3) : x(2, 4), [x(2, 3)]
GaussianDropout(0.3) : x(2, 5)
GaussianNoise(0.3) : x(2, 5)
GlobalAveragePooling1D() : x(2, 5, 3), mask=flags(2, 5)
GlobalAveragePooling1D(data_format='channels_first', keepdims=True) : x(2, 5, 3)
GlobalAveragePooling2D(keepdims=True) : x(2, 4, 5, 3)
GlobalAveragePooling3D() : x(2, 3, 4, 5, 2)
GlobalMaxPooling1D() : x(2, 5, 3)
GlobalMaxPooling2D(data_format='channels_first') : x(2, 4, 5, 3)
GlobalMaxPooling3D(keepdims=True) : x(2, 3, 4, 5, 2)
GroupNormalization(2) : x(2, 5, 4)
GroupNormalization(-1, axis=1, scale=False) : x(2, 4, 3, 5)
Identity() : x(2, 5)
LSTM(3) : x(2, 4, 3)
LSTM(3, return_sequences=True, go_backwards=True, use_bias=False) : x(2, 4, 3), mask=flags(2, 4)
LSTM(3, return_state=True, recurrent_activation='hard_sigmoid', unroll=True) : x(2, 4, 3)
LSTMCell(3) : x(2, 4), [x(2, 3), x(2, 3) ** 2]
Lambda(abs) : x(2, 5)
LayerNormalization() : x(2, 5)
LayerNormalization(axis=[1, 2], center=False, epsilon=0.1) : x(2, 3, 4)
LeakyReLU(0.2) : x(2, 5)
Masking(0.5) : x(2, 4, 3)
MaxPooling1D(2, padding='same') : x(2, 7, 3)
MaxPooling2D((2, 3), strides=(1, 2)) : x(2, 6, 7, 3)
MaxPooling2D(3, strides=2, padding='same', data_format='channels_first') : x(2, 3, 5, 6)
MaxPooling3D(2) : x(2, 4, 5, 4, 2)
Maximum() : [x(2, 3), -x(2, 3), x(2, 3) ** 2]
Minimum() : [x(2, 3), -x(2, 3), x(2, 3) ** 2]
MixUp() : pictures(2, 6, 7, 3)
MultiHeadAttention(2, 3) : x(2, 4, 5), x(2, 6, 5)
MultiHeadAttention(2, 3, output_shape=7, use_bias=False) : x(2, 4, 5), x(2, 4, 5)
Multiply() : [x(2, 3), x(2, 3) ** 2]
Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 0.5]) : x(2, 4, 3)
Normalization(mean=0.1, variance=2.0, invert=True) : x(2, 4, 3)
PReLU(shared_axes=[1]) : x(2, 4, 3)
Permute((3, 1, 2)) : x(2, 3, 4, 5)
Pipeline([AutoContrast(), Rescaling(0.5), Dense(3)]) : pictures(2, 4, 5, 3)
RMSNormalization() : x(2, 5)
RNN(LSTMCell(3), return_sequences=True) : x(2, 4, 3)
RNN([GRUCell(3), SimpleRNNCell(2)]) : x(2, 4, 3)
RNN(StackedRNNCells([LSTMCell(3), LSTMCell(2)]), return_state=True) : x(2, 4, 3)
RandAugment() : pictures(2, 6, 7, 3)
RandomBrightness(0.2) : pictures(2, 6, 7, 3)
RandomColorDegeneration(0.5) : pictures(2, 6, 7, 3)
RandomColorJitter(brightness_factor=0.2, hue_factor=0.1) : pictures(2, 6, 7, 3)
RandomContrast(0.2) : pictures(2, 6, 7, 3)
RandomCrop(4, 5) : pictures(2, 6, 7, 3)
RandomElasticTransform() : pictures(2, 6, 7, 3)
RandomErasing() : pictures(2, 6, 7, 3)
RandomFlip() : pictures(2, 6, 7, 3)
RandomGaussianBlur() : pictures(2, 6, 7, 3)
RandomGrayscale() : pictures(2, 6, 7, 3)
RandomHue(0.2) : pictures(2, 6, 7, 3)
RandomInvert() : pictures(2, 6, 7, 3)
RandomPerspective() : pictures(2, 6, 7, 3)
RandomPosterization(3) : pictures(2, 6, 7, 3)
RandomRotation(0.2) : pictures(2, 6, 7, 3)
RandomSaturation(0.2) : pictures(2, 6, 7, 3)
RandomSharpness(0.5) : pictures(2, 6, 7, 3)
RandomShear(0.2, 0.1) : pictures(2, 6, 7, 3)
RandomTranslation(0.2, 0.1) : pictures(2, 6, 7, 3)
RandomZoom(0.2) : pictures(2, 6, 7, 3)
ReLU(max_value=0.6, negative_slope=0.1, threshold=0.2) : x(2, 5)
RepeatVector(3) : x(2, 5)
Rescaling(1 / 127.5, offset=-1) : pictures(2, 4, 5, 3)
Reshape((4, -1)) : x(2, 2, 6)
Resizing(4, 9) : pictures(2, 6, 7, 3)
Resizing(4, 9, interpolation='nearest') : pictures(2, 6, 7, 3)
Resizing(9, 11, interpolation='bicubic') : pictures(2, 6, 7, 3)
SeparableConv1D(3, 2, depth_multiplier=2, padding='same') : x(2, 6, 2)
SeparableConv2D(3, (2, 3), depth_multiplier=2, strides=2) : x(2, 6, 7, 2)
SeparableConv2D(3, 2, padding='same', data_format='channels_first') : x(2, 2, 5, 4)
SimpleRNN(3) : x(2, 4, 3), mask=flags(2, 4)
SimpleRNN(3, activation='relu', return_sequences=True, go_backwards=True) : x(2, 4, 3)
SimpleRNNCell(3) : x(2, 4), [x(2, 3)]
Softmax(axis=1) : x(2, 5, 3)
Solarization() : pictures(2, 6, 7, 3)
SpatialDropout1D(0.3) : x(2, 5, 3)
SpatialDropout2D(0.3) : x(2, 5, 4, 3)
SpatialDropout3D(0.3) : x(2, 3, 4, 5, 2)
SpectralNormalization(Dense(3)) : x(2, 4)
SpectralNormalization(Conv2D(3, 2), power_iterations=3) : x(2, 4, 5, 2)
StackedRNNCells([LSTMCell(3), GRUCell(2)]) : x(2, 4), [[x(2, 3), x(2, 3) ** 2], [x(2, 2)]]
Subtract() : [x(2, 3), x(2, 3) ** 2]
TimeDistributed(Dense(3, activation='tanh')) : x(2, 4, 5)
TimeDistributed(Conv2D(2, 2)) : x(2, 3, 4, 5, 2)
UnitNormalization(axis=1) : x(2, 5, 3)
UpSampling1D(3) : x(2, 4, 3)
UpSampling2D((2, 3)) : x(2, 3, 4, 2)
UpSampling2D((2, 3), interpolation='bilinear') : x(2, 3, 4, 2)
UpSampling3D((1, 2, 3)) : x(2, 2, 3, 2, 2)
ZeroPadding1D((1, 2)) : x(2, 4, 3)
ZeroPadding2D(((1, 0), (2, 1)), data_format='channels_first') : x(2, 2, 3, 4)
ZeroPadding3D((1, 0, 2)) : x(2, 2, 3, 2, 2)
add : [x(2, 3), x(2, 3) ** 2]
average : [x(2, 3), x(2, 3) ** 2]
concatenate : [x(2, 3), x(2, 4)], axis=-1
dot : [x(2, 3, 4), x(2, 4, 5)], axes=(2, 1)
maximum : [x(2, 3), -x(2, 3)]
minimum : [x(2, 3), -x(2, 3)]
multiply : [x(2, 3), x(2, 3) ** 2]
subtract : [x(2, 3), x(2, 3) ** 2]
"""

#: layers that draw numbers in training: compared in the test phase only
RANDOM = ["AlphaDropout", "AugMix", "CutMix", "Dropout", "GaussianDropout", "GaussianNoise", "MixUp", "RandAugment"]
RANDOM += ["SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"]


def arrays() -> dict[str, Array]:
    """Targets and predictions, 6 samples of 4 values (or classes)."""
    reals, others = x(6, 4), np.roll(x(6, 4), 5)
    logits = 3 * x(6, 4)
    powers = np.exp(logits)
    labels = ints(6, below=4)
    return {
        "reals": reals,
        "others": others,
        "counts": ints(6, 4, below=5).astype("float32"),
        "positive": np.abs(others) + 0.1,
        "logits": logits,
        "probabilities": powers / powers.sum(-1, keepdims=True),
        "scores": 1 / (1 + np.exp(-logits)),
        "labels": labels,
        "column": labels[:, None],
        "mistaken": np.roll(labels, 1),
        "one_hot": np.eye(4, dtype="float32")[labels],
        "binary": ints(6, 4, below=2).astype("float32"),
        "signs": ints(6, 4, below=2).astype("float32") * 2 - 1,
        "masks": ints(6, 5, 5, 1, below=2).astype("float32"),
        "regions": 1 / (1 + np.exp(-3 * x(6, 5, 5, 1))),
        "weights": np.array([1.0, 0.5, 0.0, 2.0, 1.0, 0.25], "float32"),
        "classes": ints(6, 4, below=3),
        "guesses": np.roll(ints(6, 4, below=3), 3),
    }


#: function and class : targets, predictions, arguments
LOSSES = """
binary_crossentropy BinaryCrossentropy : binary, scores
binary_crossentropy BinaryCrossentropy : binary, logits, from_logits=True, label_smoothing=0.1
binary_focal_crossentropy BinaryFocalCrossentropy : binary, scores, gamma=1.5
binary_focal_crossentropy BinaryFocalCrossentropy : binary, logits, from_logits=True, apply_class_balancing=True
categorical_crossentropy CategoricalCrossentropy : one_hot, probabilities
categorical_crossentropy CategoricalCrossentropy : one_hot, logits, from_logits=True, label_smoothing=0.1
categorical_focal_crossentropy CategoricalFocalCrossentropy : one_hot, probabilities, alpha=0.3
categorical_focal_crossentropy CategoricalFocalCrossentropy : one_hot, logits, from_logits=True, label_smoothing=0.1
categorical_generalized_cross_entropy CategoricalGeneralizedCrossEntropy : labels, probabilities
categorical_hinge CategoricalHinge : one_hot, others
circle Circle : labels, reals
cosine_similarity CosineSimilarity : reals, others
dice Dice : masks, regions
dice Dice : masks, regions, axis=(1, 2, 3)
hinge Hinge : signs, others
hinge Hinge : binary, others
huber Huber : reals, others, delta=0.4
kl_divergence KLDivergence : one_hot, probabilities
log_cosh LogCosh : reals, others
mean_absolute_error MeanAbsoluteError : reals, others
mean_absolute_percentage_error MeanAbsolutePercentageError : reals, others
mean_squared_error MeanSquaredError : reals, others
mean_squared_logarithmic_error MeanSquaredLogarithmicError : reals, others
poisson Poisson : counts, positive
sparse_categorical_crossentropy SparseCategoricalCrossentropy : labels, probabilities
sparse_categorical_crossentropy SparseCategoricalCrossentropy : column, logits, from_logits=True, ignore_class=1
squared_hinge SquaredHinge : signs, others
tversky Tversky : masks, regions, alpha=0.3, beta=0.6
"""

#: functions and classes (with their arguments) : targets, predictions
METRICS = """
AUC(num_thresholds=20) : binary, scores
AUC(curve='PR', summation_method='minoring', num_thresholds=20) : binary, scores
AUC(multi_label=True, num_thresholds=20) : binary, scores
Accuracy() : classes, guesses
BinaryAccuracy(threshold=0.4) : binary, scores
BinaryCrossentropy() : binary, scores
BinaryIoU(target_class_ids=[0, 1], threshold=0.6) : binary[:, 0], scores[:, 0]
CategoricalAccuracy() : one_hot, probabilities
CategoricalCrossentropy() : one_hot, probabilities
CategoricalHinge() : one_hot, others
ConcordanceCorrelation() : reals, others
CosineSimilarity() : reals, others
F1Score() : one_hot, probabilities
F1Score(average='macro', threshold=0.4) : one_hot, probabilities
FBetaScore(average='weighted', beta=2.0) : one_hot, probabilities
FalseNegatives(thresholds=[0.3, 0.6]) : binary, scores
FalsePositives() : binary, scores
Hinge() : signs, others
IoU(4, target_class_ids=[0, 2]) : labels, mistaken
KLDivergence() : one_hot, probabilities
LogCoshError() : reals, others
MeanAbsoluteError() : reals, others
MeanAbsolutePercentageError() : reals, others
MeanIoU(4) : labels, mistaken
MeanSquaredError() : reals, others
MeanSquaredLogarithmicError() : reals, others
OneHotIoU(4, target_class_ids=[1, 3]) : one_hot, probabilities
OneHotMeanIoU(4) : one_hot, probabilities
PearsonCorrelation() : reals, others
Poisson() : counts, positive
Precision() : binary, scores
Precision(top_k=2, class_id=1) : one_hot, probabilities
PrecisionAtRecall(0.5) : binary, scores
R2Score() : reals, others
Recall(thresholds=[0.2, 0.7]) : binary, scores
RecallAtPrecision(0.5) : binary, scores
RootMeanSquaredError() : reals, others
SensitivityAtSpecificity(0.5) : binary, scores
SparseCategoricalAccuracy() : labels, probabilities
SparseCategoricalCrossentropy() : labels, probabilities
SparseTopKCategoricalAccuracy(2) : labels, probabilities
SpecificityAtSensitivity(0.5) : binary, scores
SquaredHinge() : signs, others
TopKCategoricalAccuracy(2) : one_hot, probabilities
TrueNegatives() : binary, scores
TruePositives() : binary, scores
binary_accuracy : binary, scores
binary_crossentropy : binary, scores
binary_focal_crossentropy : binary, scores
categorical_accuracy : one_hot, probabilities
categorical_crossentropy : one_hot, probabilities
categorical_focal_crossentropy : one_hot, probabilities
categorical_hinge : one_hot, others
concordance_correlation : reals, others
hinge : signs, others
huber : reals, others
kl_divergence : one_hot, probabilities
log_cosh : reals, others
mean_absolute_error : reals, others
mean_absolute_percentage_error : reals, others
mean_squared_error : reals, others
mean_squared_logarithmic_error : reals, others
pearson_correlation : reals, others
poisson : counts, positive
sparse_categorical_accuracy : labels, probabilities
sparse_categorical_crossentropy : labels, probabilities
sparse_top_k_categorical_accuracy : labels, probabilities, k=2
squared_hinge : signs, others
top_k_categorical_accuracy : one_hot, probabilities, k=2
"""

#: metrics of single values, not of pairs
OF_VALUES = ["Mean()", "Sum()"]

OPTIMIZERS = """
SGD(0.1)
SGD(0.1, momentum=0.9)
SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01)
SGD(0.1, clipnorm=0.5)
SGD(0.1, global_clipnorm=0.5)
SGD(0.1, clipvalue=0.3)
RMSprop(0.05)
RMSprop(0.05, rho=0.8, momentum=0.5, centered=True)
Adagrad(0.1)
Adadelta(1.0)
Adam(0.05)
Adam(0.05, beta_1=0.8, beta_2=0.9, epsilon=1e-3, amsgrad=True)
AdamW(0.05, weight_decay=0.02)
Adamax(0.05)
Nadam(0.05)
Lion(0.01)
Adafactor(0.05)
Adafactor(0.05, weight_decay=0.01, relative_step=False)
Ftrl(0.05)
Ftrl(0.05, l1_regularization_strength=0.01, l2_regularization_strength=0.02, beta=0.1)
Lamb(0.05)
LossScaleOptimizer(SGD(0.1), initial_scale=4.0, dynamic_growth_steps=5)
Muon(0.05)
ScheduleFreeAdamW(0.05)
"""

SCHEDULES = """
CosineDecay(0.1, 30, alpha=0.1, warmup_target=0.2, warmup_steps=5)
CosineDecay(0.1, 30)
CosineDecayRestarts(0.1, 8, t_mul=1.5, m_mul=0.9)
ExponentialDecay(0.1, 10, 0.5)
ExponentialDecay(0.1, 10, 0.5, staircase=True)
InverseTimeDecay(0.1, 10, 0.5)
PiecewiseConstantDecay([5, 10], [0.1, 0.05, 0.01])
PolynomialDecay(0.1, 20, 0.01, power=2.0, cycle=True)
"""

#: equal numbers, of this shape
INITIALIZERS = """
Zeros() : (3, 4)
Ones() : (3, 4)
Constant(0.3) : (3, 4)
Identity(gain=2.0) : (3, 3)
STFT() : (4, 1, 6)
"""

#: equal statistics; the last value says whether the numbers are bounded
DRAWN = """
RandomNormal(mean=0.5, stddev=0.2) : (400, 500), False
RandomUniform(-0.3, 0.4) : (400, 500), True
TruncatedNormal(stddev=0.2) : (400, 500), True
VarianceScaling(2.0, 'fan_out', 'uniform') : (3, 3, 100, 200), True
VarianceScaling(1.0, 'fan_in', 'untruncated_normal') : (400, 500), False
GlorotNormal() : (400, 500), True
GlorotUniform() : (3, 3, 100, 200), True
HeNormal() : (400, 500), True
HeUniform() : (400, 500), True
LecunNormal() : (3, 100, 600), True
LecunUniform() : (400, 500), True
"""

ACTIVATIONS = """
celu(alpha=0.7) elu(alpha=0.7) exponential() gelu() gelu(approximate=True) glu() hard_shrink() hard_sigmoid()
hard_silu() hard_tanh() leaky_relu(negative_slope=0.1) linear() log_sigmoid() log_softmax(axis=0) mish()
relu(negative_slope=0.1,max_value=2.0,threshold=0.5) relu() relu6() selu() sigmoid() silu() soft_shrink() softmax()
softmax(axis=0) softplus() softsign() sparse_plus() sparse_sigmoid() sparsemax() squareplus() tanh() tanh_shrink()
threshold(0.3,1.0)
"""

CONSTRAINTS = """
MaxNorm(0.7) : (5, 4)
MaxNorm(0.7, axis=[0, 1, 2]) : (2, 2, 3, 4)
MinMaxNorm(0.5, 0.8, rate=0.7) : (5, 4)
NonNeg() : (5, 4)
UnitNorm(axis=1) : (5, 4)
"""

REGULARIZERS = """
L1(0.1) : (5, 4)
L2(0.1) : (5, 4)
L1L2(0.1, 0.2) : (5, 4)
OrthogonalRegularizer(0.1, mode='columns') : (5, 4)
OrthogonalRegularizer(0.1) : (5, 4)
"""
