"""What an examination ends with, of a device or of a server: its subjects, and the findings of each."""

from dataclasses import dataclass

from ota_client.doctor.finding import Finding, Severity


@dataclass(frozen=True, slots=True)
class Examined:
    """One subject and what was found."""

    subject: str
    findings: tuple[Finding, ...]

    @property
    def severity(self) -> Severity:
        """The worst of its findings."""
        return max((finding.severity for finding in self.findings), default=Severity.OK)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All subjects."""

    subjects: tuple[Examined, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, by subject."""
        return tuple(finding for subject in self.subjects for finding in subject.findings)

    @property
    def severity(self) -> Severity:
        """The worst of all."""
        return max((subject.severity for subject in self.subjects), default=Severity.OK)

    def to_fields(self) -> dict[str, object]:
        """The diagnosis as JSON fields (docs/reference/doctor.md, server-doctor.md)."""
        return {
            "severity": self.severity.name.lower(),
            "subjects": [
                {
                    "subject": examined.subject,
                    "severity": examined.severity.name.lower(),
                    "findings": [finding.to_fields() for finding in examined.findings],
                }
                for examined in self.subjects
            ],
        }
