"""Learned energies of concepts: the network, inference of codes, generation, identification, training.

Letters used in every docstring: B batch, T steps, N entities, D code dimensions, K inner steps.
Everything here needs torch; ``import conceptgym`` does not load it.
"""
