"""Where the time of a run's first steps goes: recorded by torch.profiler, told in phases of training."""
