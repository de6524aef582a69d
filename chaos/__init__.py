"""Kills of real processes at random moments, and a proof afterwards that nothing was lost or done twice."""
