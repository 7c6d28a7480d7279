"""The checks of the measurement itself: is validation sound before anything is made of its loss?

Each is a function that gives one `session.records.Check`. They come at the start of a run, before its
first step, and on demand at a checkpoint; neither changes what is trained. Formulas:
`measure.soundness`.
"""
