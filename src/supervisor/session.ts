import type { Identity } from '../platform/metadata/documents.ts';
import type { TaskAuditor } from './audit/auditor.ts';
import type { AuditResult } from './audit/facts.ts';
import { startAuditor } from './audit/start-auditor.ts';
import { CloudWatch } from './cloud-watch.ts';
import { putJournalAside, recordsPathOf } from './journal.ts';
import { JournalKeeper } from './journal-keeper.ts';
import type { Launch } from './launch.ts';
import { LifeHolder } from './life-holder.ts';
import { endMachine } from './machine-end.ts';
import { policyOf } from './policy-of.ts';
import type { OperatorCommand } from './policy-types.ts';
import { RecordRing } from './records.ts';
import type { ArmedEffects } from './rungs.ts';
import type { SessionParts } from './session-parts.ts';
import { buildReport, type StatusAnswer, type StatusReport, statusExitCode } from './status-report.ts';
import { type Actions, Supervisor } from './supervisor.ts';
import { freeBytesAt, WallWatch } from './surroundings.ts';
import { makeWorker, type Worker } from './worker-face.ts';

/** One run of the supervisor: decisions, worker, journal, metadata and ladder wired to each other. */
export class Session {
  readonly #parts: SessionParts;
  readonly #journalPath: string;
  readonly #life: LifeHolder;
  readonly #supervisor: Supervisor;
  readonly #worker: Worker;
  readonly #journal: JournalKeeper;
  readonly #records: RecordRing;
  readonly #watch: CloudWatch | undefined;
  readonly #auditor: TaskAuditor | undefined;
  readonly #ladder = new AbortController();
  #effects: ArmedEffects | undefined;
  #audit: AuditResult | null = null;
  readonly #wall: WallWatch;

  constructor(parts: SessionParts, journalName: string) {
    this.#parts = parts;
    this.#wall = new WallWatch(parts.started, parts.clock, parts.log);
    const { config, life, clock, log, started } = parts;
    this.#journalPath = `${config.stateDir}/${journalName}`;
    this.#life = new LifeHolder(life, config.life, started, clock);
    this.#records = new RecordRing(recordsPathOf(this.#journalPath), log, () => clock.wallMs());
    const marks = () => this.#worker.marks.map(({ pid, started: since }) => ({ pid, started: since }));
    const entry = () => this.#life.entry(this.#supervisor.state, marks());
    this.#journal = new JournalKeeper(config.stateDir, journalName, log, entry);
    this.#worker = this.#makeWorker();
    this.#supervisor = new Supervisor({
      policy: policyOf(config, life.limits),
      state: life.state,
      ageMs: () => this.#life.ageMs(),
      clock,
      log,
      actions: this.#actions(),
      note: (...noted) => {
        this.#records.note(...noted);
        parts.decided();
      },
    });
    this.#watch = this.#makeWatch();
    const audited = (result: AuditResult) => {
      this.#audit = result;
      this.#supervisor.dispatch({ tag: 'audited', ...result });
      parts.decided();
    };
    this.#auditor = startAuditor(parts, this.#worker, audited, this.#ladder.signal);
  }

  start(): void {
    const { unusable, seen } = this.#parts;
    if (seen !== undefined) this.#launched(seen.launch, seen.identity);
    this.#supervisor.start(unusable);
    void this.#journal.save().then(() => this.#records.open());
    void this.#watch?.run(seen !== undefined, this.#ladder.signal).catch((error: unknown) => {
      if (!this.#ladder.signal.aborted) throw error;
    });
  }

  /** What an operator orders. Returns the phase that follows. */
  operate(command: OperatorCommand, reason: string): string {
    this.#supervisor.dispatch({ tag: 'operator', command, reason });
    return this.#supervisor.state.phase;
  }

  /** Ends the worker and leaves; deadlines stay in the journal. */
  async leave(hurry: AbortSignal): Promise<void> {
    this.#supervisor.stop();
    this.#ladder.abort();
    await this.#worker.end(hurry).catch(() => this.#worker.kill()); // only `hurry` makes it reject
    await this.#journal.save();
  }

  status(): StatusAnswer & { readonly finishedTasks: number; readonly audit: AuditResult | null } {
    const { state } = this.#supervisor;
    const answer = { pid: process.pid, exitCode: statusExitCode(state), status: this.#report() };
    return { ...answer, finishedTasks: state.finishedTasks, audit: this.#audit };
  }

  #makeWorker(): Worker {
    return makeWorker(this.#parts, {
      message: (message) => {
        this.#supervisor.workerSays(message);
        if (message.type === 'state') this.#auditor?.report(message.running.map(({ id }) => id));
      },
      exited: (exit) => this.#supervisor.dispatch({ tag: 'worker-exited', ...exit }),
      marksChanged: () => void this.#journal.save(),
    });
  }

  #makeWatch(): CloudWatch | undefined {
    const { metadata, config, clock, log } = this.#parts;
    if (metadata === undefined) return undefined;
    const { source, readyTag, readyPollMs } = config.metadata;
    return new CloudWatch({
      metadata,
      clock,
      log,
      readyTag,
      readyPollMs,
      mayBeNone: source === 'auto' && this.#life.instanceId === null,
      settledNone: this.#life.settledNone,
      isNew: () => this.#life.isNew,
      ports: {
        dispatch: (event) => this.#supervisor.dispatch(event),
        launched: (launch, identity) => this.#launched(launch, identity),
        nobodyThere: () => {
          this.#life.settleNone();
          void this.#journal.save();
        },
      },
    });
  }

  #launched(launch: Launch, identity: Identity): void {
    const { log, arm } = this.#parts;
    const settled = this.#life.settle(launch, this.#supervisor.state);
    for (const warning of settled.warnings) log.warn(warning, { event: 'age' });
    log.info('the instance is known', {
      event: 'metadata-source',
      source: 'ec2',
      instanceId: launch.instanceId,
      ageMs: Math.round(this.#life.ageMs()),
    });
    if (settled.otherInstance) {
      void putJournalAside(this.#journalPath, `${this.#parts.life.instanceId}`)
        .catch(() => {}) // it was never written, or cannot be moved: it is replaced
        .then(() => this.#journal.save());
    }
    const servesWhenReady = this.#parts.config.worker.mode === 'command';
    this.#supervisor.rebase(settled.standing.state, { ...this.#life.limits, servesWhenReady });
    this.#records.begin(settled.standing.state, this.#supervisor.policy);
    void arm(identity).then((effects) => {
      this.#effects = effects;
    });
  }

  #actions(): Actions {
    return {
      startWorker: () => void this.#worker.start(),
      pauseWorker: () => this.#worker.send({ type: 'pause' }),
      resumeWorker: () => this.#worker.send({ type: 'resume' }),
      lookAtWorker: () => this.#worker.left(),
      refreshWorker: () => this.#worker.refresh(),
      ...(this.#parts.config.worker.mode === 'command' ? { runningNow: () => this.#worker.left() } : {}),
      silentMs: () => this.#worker.silentMs(),
      shutDown: (urgent) => this.#shutDown(urgent),
      freeBytes: () => freeBytesAt(this.#parts.plan.cwd),
      saveJournal: () => {
        this.#wall.check();
        void this.#journal.save();
      },
    };
  }

  #shutDown(urgent: AbortSignal): void {
    const { config, clock, log, dryRun, mayArm } = this.#parts;
    const parts = {
      shutdown: config.shutdown,
      graceMs: config.worker.graceMs,
      clock,
      log,
      dryRun,
      mayArm,
      effects: () => this.#effects,
      reason: this.#supervisor.state.reason,
      report: this.#supervisor.rungReports.bind(this.#supervisor),
      endWorker: (signal: AbortSignal) => this.#worker.end(signal),
      persist: () => this.#journal.save(),
    };
    this.#parts.tellEnd(parts.reason);
    endMachine(parts, urgent, this.#ladder.signal);
  }

  #report(): StatusReport {
    const { name, plan, clock, config } = this.#parts;
    const { readyTag, source } = config.metadata;
    const known = this.#life.instanceId !== null;
    return buildReport({
      name,
      mode: config.worker.mode,
      user: plan.user.name,
      process: this.#worker.process,
      state: this.#supervisor.state,
      deadlines: this.#supervisor.deadlines,
      armed: this.#effects !== undefined,
      cloud: {
        source: source === 'none' ? 'none' : known ? 'ec2' : this.#life.settledNone ? 'none' : source,
        readyTag: known ? readyTag : null,
        lastAnswerWallMs: this.#watch?.lastAnswerWallMs ?? null,
      },
      ageMs: this.#life.ageMs(),
      wallMs: clock.wallMs(),
      disk: { path: plan.cwd, freeBytes: freeBytesAt(plan.cwd) ?? null },
    });
  }
}
