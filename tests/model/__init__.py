"""A model of the API, by the words of its contract, and a machine that holds the service to it.

It knows nothing of how the service is made but the tables, which it reads to see that nothing is
recorded that should not be, and moves back in time.
"""
