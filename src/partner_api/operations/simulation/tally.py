"""What has happened since somebody last asked."""

from dataclasses import dataclass


@dataclass
class Tally:
    """Counts check-ins, and requests that failed."""

    sent: int = 0
    accepted: int = 0
    failures: int = 0

    def tell(self) -> str:
        """One line about it; counting begins anew."""
        line = f"{self.sent} check-ins sent, {self.accepted} accepted, {self.failures} failures"
        self.sent = self.accepted = self.failures = 0
        return line
