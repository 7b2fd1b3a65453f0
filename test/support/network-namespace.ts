import { randomBytes } from 'node:crypto';
import { programGap } from './requirement.ts';

function ip(...args: string[]): string | undefined {
  const { success, stderr } = Bun.spawnSync(['ip', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  return success ? undefined : stderr.toString().trim() || `ip ${args.join(' ')} failed`;
}

function freshName(): string {
  return `pwagent-test-${randomBytes(6).toString('hex')}`;
}

/** Why this machine lets nobody make a network namespace here, or undefined when it does. */
export function networkNamespaceGap(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are a thing of Linux';
  const missing = programGap('ip', 'iproute2');
  if (missing !== undefined) return missing;
  if (process.getuid?.() !== 0) return 'making a network namespace needs root';
  const name = freshName();
  const refused = ip('netns', 'add', name);
  if (refused === undefined) ip('netns', 'delete', name);
  return refused;
}

/**
 * A network of its own, with nothing but a loopback device that has these further addresses (`169.254.169.254/32`).
 * Only in such a place may a test use the address of the real metadata service. At the end of the scope all programs
 * that were started in it are killed, and it is gone.
 */
export class NetworkNamespace implements AsyncDisposable {
  readonly name = freshName();
  readonly #programs: Bun.Subprocess[] = [];

  constructor(addresses: readonly string[]) {
    const steps = [
      ['netns', 'add', this.name],
      ['-n', this.name, 'link', 'set', 'lo', 'up'],
      ...addresses.map((address) => ['-n', this.name, 'address', 'add', address, 'dev', 'lo']),
    ];
    for (const step of steps) {
      const refused = ip(...step);
      if (refused === undefined) continue;
      ip('netns', 'delete', this.name);
      throw new Error(refused);
    }
  }

  /** Starts a program in it; its standard error is the test's own. */
  spawn(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const program = Bun.spawn(['ip', 'netns', 'exec', this.name, ...argv], {
      env: { PATH: process.env.PATH ?? '', ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#programs.push(program);
    return program;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.#programs) program.kill('SIGKILL');
    await Promise.all(this.#programs.map((program) => program.exited));
    ip('netns', 'delete', this.name);
  }
}
