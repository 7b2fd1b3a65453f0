import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { freePort } from '../../src/platform/free-port.ts';
import { goArch } from '../../src/platform/host.ts';
import { waitFor } from '../support/wait-for.ts';

const arch = goArch() === 'amd64' ? 'x64' : process.arch;

/** The compiled executable under test; `npm test` builds it before. */
export const BINARY = resolve(import.meta.dir, `../../dist/pwagent-${process.platform}-${arch}`);

/** A started `pwagent`, with all that it printed. */
export interface Started {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  stdout(): string;
  stderr(): string;
}

export interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One throw-away installation: a folder, a hub on free ports, and whatever the test starts; all gone at the end. */
export class Cluster {
  readonly root = mkdtempSync(join(tmpdir(), 'pwagent-e2e-'));
  data = join(this.root, 'hub');
  readonly temporary = join(this.root, 'tmp');
  httpPort = 0;
  grpcPort = 0;
  /** What `start` starts; a copy where another user must be able to run it. */
  binary = BINARY;
  readonly #started: Started[] = [];

  constructor() {
    mkdirSync(this.temporary);
  }

  scheme = 'http';

  get hubUrl(): string {
    return `${this.scheme}://127.0.0.1:${this.httpPort}`;
  }

  /** Writes a file below the folder and returns its path. */
  file(name: string, content: string, mode = 0o644): string {
    const path = join(this.root, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content, { mode });
    return path;
  }

  read(name: string): string {
    const path = join(this.root, name);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  /** Starts the executable in a process group of its own, with an environment of nothing but what it needs. */
  start(args: readonly string[], env: Record<string, string> = {}, cwd = this.root): Started {
    const child = spawn(this.binary, args, {
      cwd,
      env: { PATH: process.env.PATH ?? '', HOME: this.root, TMPDIR: this.temporary, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const output = { stdout: '', stderr: '' };
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output.stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      output.stderr += text;
    });
    const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((done) => {
      child.once('close', (code, signal) => done({ code, signal }));
    });
    const pid = child.pid ?? 0;
    const started = { child, pid, exited, stdout: () => output.stdout, stderr: () => output.stderr };
    this.#started.push(started);
    return started;
  }

  /** Runs a command to its end. */
  async run(args: readonly string[], env: Record<string, string> = {}, cwd = this.root): Promise<Result> {
    const started = this.start(args, env, cwd);
    const { code } = await started.exited;
    return { code, stdout: started.stdout(), stderr: started.stderr() };
  }

  async startHub(more: readonly string[] = [], env: Record<string, string> = {}): Promise<Started> {
    this.scheme = more.includes('--tls-cert') ? 'https' : 'http';
    this.httpPort ||= await freePort(0);
    this.grpcPort ||= await freePort(0);
    const listen = ['--listen', `127.0.0.1:${this.httpPort}`, '--grpc', `127.0.0.1:${this.grpcPort}`];
    const hub = this.start(['hub', ...listen, '--data', this.data, ...more], env);
    await waitFor(
      'the hub answers',
      async () =>
        (await fetch(`${this.hubUrl}/healthz`, { tls: { rejectUnauthorized: false } }).catch(() => undefined))?.ok ||
        (hub.child.exitCode !== null && fail(hub)),
    );
    return hub;
  }

  startWorker(more: readonly string[] = [], env: Record<string, string> = {}): Started {
    const token = ['--token-file', join(this.data, 'registration-token')];
    const endpoint = ['--rpc-endpoint', `${this.scheme}://127.0.0.1:${this.grpcPort}`];
    return this.start(['worker', 'run', '--name', 'w1', ...token, ...endpoint, ...more], env);
  }

  /** A work tree with this `.cirrus.yml`; returns its folder. */
  workTree(configuration: string, files: Record<string, string> = {}, name = 'tree'): string {
    this.file(`${name}/.cirrus.yml`, configuration);
    for (const [path, content] of Object.entries(files)) this.file(`${name}/${path}`, content);
    return join(this.root, name);
  }

  submitArgs(tree: string): string[] {
    return ['submit', '--hub', this.hubUrl, '--token-file', join(this.data, 'admin-token'), '--dir', tree];
  }

  submit(tree: string, more: readonly string[] = []): Promise<Result> {
    return this.run([...this.submitArgs(tree), ...more]);
  }

  /** Ends all that was started and removes the folder. */
  async close(): Promise<void> {
    for (const { child, pid } of this.#started) {
      if (child.exitCode === null && child.signalCode === null) killGroup(pid);
    }
    await Promise.all(this.#started.map(({ exited }) => exited));
    rmSync(this.root, { recursive: true, force: true });
  }
}

function fail(started: Started): never {
  throw new Error(`ended early: ${started.stderr()}`);
}

/** Kills a process group that the test started. */
export function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // gone already
  }
}
