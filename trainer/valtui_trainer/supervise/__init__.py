"""Start trainers detached, queue them, watch them, say how each ended. No torch."""
