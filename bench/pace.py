"""How fast the writers of the event benchmark write: a word every 20 ms, as a quick model does."""

WORDS = 900
PAUSE_S = 0.02
