"""The attempts of one connection: one after the other, and in one commit where they may be."""

from __future__ import annotations

import inspect
from typing import NamedTuple

from knocker.attempt import UNWRITTEN, AttemptRunner, is_awaitable, write_verdict
from knocker.attempt_report import AttemptReport
from knocker.connection import rows
from knocker.decision import Ignore, stored_text
from knocker.driver_errors import translated
from knocker.errors import BusyError, ClosedError, FileReplacedError, NoHandlerError, UsageError
from knocker.event import Event
from knocker.giving_way import Held, OthersWatch
from knocker.handlers import Handler
from knocker.impatience import Impatience
from knocker.leases import Job, Leases
from knocker.own_lock import explained, says_busy
from knocker.pace import Pace, Paces, Run
from knocker.shared_commit import MOST_MS, ClaimNext, Member, MemberTransaction, SharedCommit
from knocker.transaction import CURRENT, ENDED, HandlerTransaction


class Ended(NamedTuple):
    """An attempt, what became of it, and how long its handlers took."""

    job: Job
    status: str
    took_ms: float


REPEATED = "repeated"
"""What a span says of handlers whose writes were lost with the shared transaction: they run again, alone."""


class NotSharedError(BaseException):
    """The handlers are to run again, alone. Not an Exception, so that no handler takes it for its own."""


class SharedAttempts:
    """Runs each job alone or in the shared transaction; nothing is told of what is in there before its commit."""

    def __init__(
        self,
        runner: AttemptRunner,
        transaction: HandlerTransaction,
        shared: SharedCommit,
        paces: Paces,
        claim_next: ClaimNext,
        *,
        share: bool,
    ) -> None:
        """``claim_next`` may claim further jobs with a commit; without ``share`` each job is run alone."""
        self._runner = runner
        self._transaction = transaction
        self._shared = shared
        self._impatience = Impatience(shared)
        self._paces = paces
        self._claim_next = claim_next
        self._share = share
        self._more = False

    @property
    def uncommitted(self) -> list[Member]:
        """The attempts that wait for the commit. It leaves the list as it is and begins another one."""
        return self._shared.members

    @property
    def holds_lock(self) -> bool:
        """Whether a shared transaction is open."""
        return self._shared.holds_lock

    def take_held(self) -> Held:
        """For how long the write lock has been held by what was committed since the last call."""
        return self._transaction.held.take()

    def others_watch(self) -> OthersWatch:
        """How to notice that others write."""
        return OthersWatch(self._version, self._transaction.commits)

    def _version(self) -> int:
        with translated():
            return int(rows(self._transaction.connection, "PRAGMA data_version")[0][0])

    @property
    def needs_another_connection(self) -> bool:
        """Whether handlers have left something on this one."""
        return self._runner.needs_another_connection

    def run(self, job: Job, more: bool) -> list[Ended]:
        """Handles the job, and returns the attempts that have ended for good: others wait for a commit. ``more`` jobs are at hand."""
        self._more = more
        handlers = self._runner.handlers_of(job.event)
        pace = self._paces.of(job.event) if handlers else _NOTHING
        if not self._share or pace is None or pace.apart or pace.expected_ms > MOST_MS or (handlers and job.event.attempt > 1):
            return [*self.commit(), self._alone(job)]
        ended = [] if self._shared.has_room_for(pace) else self.commit()
        if self._shared.members:
            # Two are to share: from here on one may keep the other waiting.
            self._impatience.start()
        elif not more:
            return [*ended, self._alone(job)]
        return ended + (self._together(job, handlers) if handlers else self._unwanted(job))

    def commit(self, claim_next: bool = False) -> list[Ended]:
        """Commits what waits for it, and returns what became of that. Attempts whose writes are lost with the transaction run again, alone.
        With ``claim_next`` the next jobs are claimed by the same commit."""
        if not self._shared.members and not self._shared.holds_lock:
            return []
        claims = claim_next and not self._transaction.is_altered
        return [self._end(member) for member in self._shared.commit(self._claim_next if claims else None)]

    def close(self) -> None:
        """Gives up what is not committed."""
        self._impatience.stop()
        self._shared.roll_back()

    def _alone(self, job: Job) -> Ended:
        status = self._runner.run(job)
        run = self._runner.last_run
        return Ended(job, status, run.took_ms if run is not None else 0.0)

    def _together(self, job: Job, handlers: list[Handler]) -> list[Ended]:
        event, report = job.event, self._runner.report(job.event)
        report.hold()
        attempt = self._shared.start()
        started_ms, started_at = self._paces.now_ms(), self._transaction.now_ms()
        with report.span.current():
            raised = self._raised(event, handlers, attempt)
        was_ended = attempt.was_ended
        if was_ended and raised is None:
            raised = UsageError(ENDED)
        report.stop()
        took_ms, ended_at = self._paces.now_ms() - started_ms, self._transaction.now_ms()
        self._transaction.disarm()
        begun_after_ms = attempt.begun_at_ms - started_at if attempt.begun else None
        if isinstance(raised, NotSharedError):
            report.span.ended(REPEATED, None)
            self._shared.drop(attempt)
            self._paces.note(event, Run(took_ms, None, True, apart=True))
            return [*self.commit(), self._alone(job)]
        self._paces.note(event, Run(took_ms, begun_after_ms, raised is not None, self._transaction.is_altered))
        if raised is not None and not isinstance(raised, Ignore):
            report.failed(raised)
        if was_ended:
            self._shared.drop(attempt)
            return [*self.commit(), self._recorded(job, raised, report, took_ms)]

        def write(leases: Leases) -> str:
            if raised is not None:
                return write_verdict(leases, job, raised, report.duration_ms())
            leases.handled(job.id, report.duration_ms())
            return "handled"

        def told(status: str) -> None:
            for action in attempt.after_commit if status == "handled" else []:
                report.follow(action)

        try:
            self._shared.add(Member(job, report, write, attempt.begun and raised is None, told, took_ms, ended_at), attempt)
        except Exception as error:
            # A full disk, say, or a connection that was made read-only.
            self._shared.drop(attempt)
            report.failed(error)
            return [*self.commit(), self._recorded(job, raised or error, report, took_ms)]
        return self._due()

    def _due(self) -> list[Ended]:
        # Where no more jobs are at hand the next ones are claimed by the commit, which is the worker's to call for.
        return self.commit() if self._transaction.is_altered or (self._more and self._shared.is_full) else []

    def _raised(self, event: Event, handlers: list[Handler], attempt: MemberTransaction) -> BaseException | None:
        """Runs the handlers, and returns what they raised."""
        before = CURRENT.set(attempt)
        try:
            tx = self._transaction.tx
            for handler in handlers:
                result = handler(event, tx)
                if result is not None and is_awaitable(result):
                    if inspect.iscoroutine(result):
                        result.close()
                    raise NotSharedError
            for action in attempt.at_return:
                action()
        except BaseException as error:
            if not attempt.begun and self._shared.holds_lock and says_busy(error):
                # A connection of the handler's own has met the lock of the others' transaction, and not one of its own.
                return NotSharedError()
            return explained(error, attempt)
        finally:
            CURRENT.reset(before)
        return None

    def _unwanted(self, job: Job) -> list[Ended]:
        report = self._runner.report(job.event)
        report.hold()
        report.stop()
        problem = NoHandlerError(f"no handler for {job.event.type!r}")

        def write(leases: Leases) -> str:
            return leases.failed(job.id, stored_text(problem.message), 0, no_handler=True).status

        def told(status: str) -> None:
            if status not in ("ignored", "lease_lost"):
                report.failed(problem)

        attempt = self._shared.start()
        self._transaction.disarm()
        try:
            self._shared.add(Member(job, report, write, False, told, 0.0, self._transaction.now_ms()), attempt)
        except Exception as error:
            report.failed(error)
            return [*self.commit(), self._recorded(job, error, report, 0.0)]
        return self._due()

    def _end(self, member: Member) -> Ended:
        job, report = member.job, member.report
        if member.state == "committed":
            return Ended(job, self._told(member), member.took_ms)
        if isinstance(member.problem, (BusyError, FileReplacedError, ClosedError)):
            report.tell()
            report.failed(member.problem, "result not written, the lease runs out", UNWRITTEN)
            report.ended(UNWRITTEN)
            return Ended(job, UNWRITTEN, member.took_ms)
        if member.has_writes:
            report.span.ended(REPEATED, None)
            return self._alone(job)
        report.tell()
        status = self._runner.concluded(job, report, lambda: self._runner.commit_verdict(member.write))
        member.told(status)
        return Ended(job, status, member.took_ms)

    def _told(self, member: Member) -> str:
        report, status = member.report, member.status
        report.tell()
        if status == "lease_lost" and member.problem is not None:
            report.failed(member.problem, "lease lost, rolled back", status)
        member.told(status)
        self._runner.end(member.job, report, status)
        return status

    def _recorded(self, job: Job, raised: BaseException | None, report: AttemptReport, took_ms: float) -> Ended:
        """Records the attempt in a transaction of its own."""
        report.tell()
        return Ended(job, self._runner.concluded(job, report, lambda: self._runner.recorded(job, raised, report)), took_ms)


_NOTHING = Pace(0.0, 0, apart=False)
