"""The demo: two models of the flights that left New York in 2013, and logs that behave like a real service's.

Real: the flights, their delays and cancellations, the weather, the models trained on them and what
these models say.  Invented, and seeded by each row's id: when a label is published and in which file, the
outage of October, which version served a flight, and the latency.
"""
