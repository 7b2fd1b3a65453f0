import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BINARY } from '../e2e/cluster.ts';
import type { FakeAgentServer } from './fake-agent-server.ts';
import { throwAwayUser, userGap } from './throw-away-user.ts';

export interface RunningAgent {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  output(): string;
}

interface StartOptions {
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A program with arguments that starts the agent, such as `sh -c 'ulimit …; exec "$@"' sh`. */
  readonly through?: readonly string[];
  /** Not as the ordinary user. */
  readonly asRoot?: boolean;
}

/** A place where compiled agents run as an ordinary user: a throw-away one where the tests are root's, else whoever runs them. */
export class UserAgents {
  readonly root = mkdtempSync(join(tmpdir(), 'pwagent-agent-'));
  readonly work = join(this.root, 'work');
  readonly temporary = join(this.root, 'tmp');
  readonly #user = userGap() === undefined ? throwAwayUser() : undefined;
  readonly #binary = join(this.root, 'pwagent');
  readonly #started: RunningAgent[] = [];

  constructor() {
    chmodSync(this.root, 0o755);
    copyFileSync(BINARY, this.#binary);
    chmodSync(this.#binary, 0o755);
    for (const folder of [this.work, this.temporary]) {
      mkdirSync(folder);
      this.own(folder);
    }
  }

  /** Gives a path to the user. */
  own(path: string): void {
    if (this.#user !== undefined) chownSync(path, this.#user.uid, this.#user.gid);
  }

  start(
    server: FakeAgentServer,
    { flags = [], env = {}, through = [], asRoot = false }: StartOptions = {},
  ): RunningAgent {
    const task = ['-api-endpoint', server.endpoint, '-task-id', '42', '-pre-created-working-dir', this.work];
    const tokens = ['-server-token', 'server secret', '-client-token', 'client secret'];
    const [program = '', ...args] = [...through, this.#binary, 'agent', ...task, ...tokens, ...flags];
    const child = spawn(program, args, {
      cwd: this.root,
      env: { PATH: process.env.PATH ?? '', HOME: this.temporary, TMPDIR: this.temporary, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      ...(this.#user === undefined || asRoot ? {} : { uid: this.#user.uid, gid: this.#user.gid }),
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((done) => {
      child.once('close', (code, signal) => done({ code, signal }));
    });
    const agent = { child, pid: child.pid ?? 0, exited, output: () => output };
    this.#started.push(agent);
    return agent;
  }

  /** Text of a file in the working folder; empty when there is none. */
  read(name: string): string {
    try {
      return readFileSync(join(this.work, name), 'utf8');
    } catch {
      return '';
    }
  }

  /** What agents have left in the folder for temporary files. */
  leftovers(): string[] {
    return readdirSync(this.temporary);
  }

  async close(): Promise<void> {
    for (const { child, pid } of this.#started) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      try {
        process.kill(-pid, 'SIGKILL');
      } catch {
        // ended by itself
      }
    }
    await Promise.all(this.#started.map(({ exited }) => exited));
    this.#user?.[Symbol.dispose]();
    rmSync(this.root, { recursive: true, force: true });
  }
}
