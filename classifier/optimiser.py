"""AdamW as one small graph: what a batch does not touch costs nothing, and its state can be stored and put back."""

# Keras ships no types; what is guessed from its source is often wrong.
# pyright: reportArgumentType=false, reportCallIssue=false, reportReturnType=false
# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false, reportOperatorIssue=false

from collections.abc import Sequence

from classifier.encoder import keras, tf

# As in Adam's paper, and as Keras has it.
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7
# Both as in BERT's own training.
WEIGHT_DECAY = 0.01
CLIP_NORM = 1.0
# Share of the steps in which the learning rate climbs (Devlin et al. 2019: 10,000 of 100,000).
WARM_UP = 0.1

Gradient = tf.Tensor | tf.IndexedSlices


class AdamW:
    """AdamW (Loshchilov and Hutter 2019) as BERT uses it: gradients clipped together, only matrices decay.

    Of an embedding table only the rows in the batch are updated and decayed, and only their moments move, as in lazy
    Adam: a dense update of 30,000 rows for 400 words takes as long as a quarter of the step.
    """

    def __init__(self, variables: Sequence[keras.Variable], learning_rate: float, steps: int) -> None:
        self.variables = [variable.value for variable in variables]
        self.decayed = [len(variable.shape) > 1 for variable in variables]
        self.learning_rate, self.steps = learning_rate, steps
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.first = [tf.Variable(tf.zeros_like(variable)) for variable in self.variables]
        self.second = [tf.Variable(tf.zeros_like(variable)) for variable in self.variables]

    @property
    def state(self) -> list[tf.Variable]:
        """All that another optimiser of these variables needs to go on from here."""
        return [self.step, *self.first, *self.second]

    def apply(self, gradients: Sequence[Gradient]) -> None:
        """Update the variables. Part of a graph: call it inside a tf.function."""
        gradients = clipped([merged(gradient) for gradient in gradients])
        rate = scheduled(self.learning_rate, self.step, self.steps)
        done = tf.cast(self.step.assign_add(1), tf.float32)
        powers = BETA_1**done, BETA_2**done
        for place, gradient in enumerate(gradients):
            update = self._update_rows if isinstance(gradient, tf.IndexedSlices) else self._update
            update(place, gradient, rate, *powers)

    def _update(self, place: int, gradient: tf.Tensor, rate: tf.Tensor, power_1: tf.Tensor, power_2: tf.Tensor) -> None:
        variable = self.variables[place]
        if self.decayed[place]:
            variable.assign_sub(variable * (rate * WEIGHT_DECAY))
        # One pass over memory where an optimiser of small operations makes a dozen.
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self.first[place].handle,
            v=self.second[place].handle,
            beta1_power=power_1,
            beta2_power=power_2,
            lr=rate,
            beta1=BETA_1,
            beta2=BETA_2,
            epsilon=EPSILON,
            grad=gradient,
        )

    def _update_rows(
        self, place: int, gradient: tf.IndexedSlices, rate: tf.Tensor, power_1: tf.Tensor, power_2: tf.Tensor
    ) -> None:
        rows, values = gradient.indices, gradient.values
        variable, first, second = self.variables[place], self.first[place], self.second[place]
        mean = BETA_1 * tf.gather(first, rows) + (1 - BETA_1) * values
        square = BETA_2 * tf.gather(second, rows) + (1 - BETA_2) * tf.square(values)
        step = rate * tf.sqrt(1 - power_2) / (1 - power_1) * mean / (tf.sqrt(square) + EPSILON)
        for table, new in (
            (first, mean),
            (second, square),
            (variable, tf.gather(variable, rows) * (1 - rate * WEIGHT_DECAY) - step),
        ):
            table.scatter_update(tf.IndexedSlices(new, rows))


def scheduled(peak: float, step: tf.Tensor, steps: int) -> tf.Tensor:
    """The learning rate of step 0, 1, ...: linear up to the peak in the first tenth, then linear down to 0."""
    step = tf.cast(step, tf.float32)
    warm_up = max(1.0, WARM_UP * steps)
    rising = (step + 1) / warm_up
    falling = (steps - step) / max(1.0, steps - warm_up)
    return peak * tf.clip_by_value(tf.minimum(rising, falling), 0.0, 1.0)


def merged(gradient: Gradient) -> Gradient:
    """A table's gradient with each row once: a word that comes twice has two entries."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    rows, places = tf.unique(gradient.indices)
    return tf.IndexedSlices(tf.math.unsorted_segment_sum(gradient.values, places, tf.size(rows)), rows)


def clipped(gradients: Sequence[Gradient]) -> list[Gradient]:
    """The gradients, shortened together where their common L2 norm is above CLIP_NORM (Pascanu et al. 2013)."""
    values = [gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient for gradient in gradients]
    norm = tf.sqrt(2 * tf.add_n([tf.nn.l2_loss(value) for value in values]))
    scale = tf.minimum(1.0, CLIP_NORM / norm)
    return [
        tf.IndexedSlices(gradient.values * scale, gradient.indices)
        if isinstance(gradient, tf.IndexedSlices)
        else gradient * scale
        for gradient in gradients
    ]
