"""The horizontal pod autoscaler's arithmetic, with the behaviour that our ScaledObjects ask for.

Source: "Horizontal Pod Autoscaling" in Kubernetes' documentation, sections "Algorithm details" and
"Configurable scaling behavior"; for AverageValue of an external metric the target is the threshold
times the replicas that exist, and for Value the threshold itself. The metric that asks for most
pods counts, and while one has no data nothing is scaled down. KEDA hands the metrics on: while at
least one pod exists its polling interval plays no part.
"""

from collections import deque
from dataclasses import dataclass, field
from math import ceil

from deploy.kubernetes import rule


def wanted(metric: float, threshold: float, replicas: int) -> int:
    """Return the replicas that one AverageValue metric asks for."""
    if abs(1 - metric / (threshold * replicas)) <= rule.TOLERANCE:
        return replicas
    return ceil(metric / threshold)


def wanted_of_value(metric: float, threshold: float, replicas: int) -> int:
    """Return the replicas that one metric of type Value asks for."""
    ratio = metric / threshold
    return replicas if abs(1 - ratio) <= rule.TOLERANCE else ceil(replicas * ratio)


@dataclass(slots=True)
class Autoscaler:
    """One HPA. Times are in s, and `look` is called every `rule.SYNC_S`."""

    threshold: float
    least: int
    most: int
    replicas: int
    down_window_s: float = rule.SCALE_DOWN_WINDOW_S
    _recommended: deque[tuple[float, int]] = field(default_factory=deque)
    _changes: deque[tuple[float, int]] = field(default_factory=deque)

    def look(self, now: float, units: float | None, lag_s: float | None = 0.0) -> int:
        """Return the replicas from now on; None is a metric without data."""
        asked = [self.replicas] if units is None or lag_s is None else []
        if units is not None:
            asked.append(wanted(units, self.threshold, self.replicas))
        if lag_s is not None:
            asked.append(wanted_of_value(lag_s, rule.LAG_S, self.replicas))
        raw = min(max(*asked, self.least), self.most)
        self._recommended.append((now, raw))
        while self._recommended[0][0] < now - self.down_window_s:
            self._recommended.popleft()
        # Without a window for scaling up the newest recommendation counts, for scaling down
        # the highest of the window.
        calm = max(raw, min(self.replicas, max(each for _, each in self._recommended)))
        limited = min(max(calm, self._lowest(now)), self._highest(now))
        if limited != self.replicas:
            self._changes.append((now, limited - self.replicas))
            self.replicas = limited
        return self.replicas

    def _highest(self, now: float) -> int:
        before = self.replicas - self._changed(now - rule.SCALE_UP_PERIOD_S)
        return max(2 * before, before + rule.SCALE_UP_PODS, self.replicas)

    def _lowest(self, now: float) -> int:
        before = self.replicas - self._changed(now - rule.SCALE_DOWN_PERIOD_S)
        return min(before - 1, self.replicas)

    def _changed(self, start: float) -> int:
        """Return by how much the replicas have grown since."""
        return sum(change for when, change in self._changes if when > start)
