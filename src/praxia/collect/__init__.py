"""Collecting demonstrations: scripted experts in worker processes record episodes into one data set."""
