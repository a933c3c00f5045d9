"""The figures of a report, for notebooks and pages."""

from shockgrid.report.plot_components import plot_components
from shockgrid.report.plot_grid import plot_grid
from shockgrid.report.plot_population import plot_population

__all__ = ["plot_components", "plot_grid", "plot_population"]
