import { describeError } from '../lib/errors.ts';
import { type Armed, requireArmed } from '../platform/armed.ts';
import type { RunProgram } from '../platform/run-program.ts';

export const RUNG_NAMES = ['command', 'force', 'terminate', 'syscall'] as const;

export type RungName = (typeof RUNG_NAMES)[number];

/** One way to end the machine. */
export interface Rung {
  readonly name: RungName;
  /** Resolves to null when the order was taken, to the reason when not. The ladder bounds it in time. */
  readonly climb: (timeoutMs: number, signal: AbortSignal) => Promise<string | null>;
}

/** What an armed machine may do to itself. */
export interface ArmedEffects {
  readonly permit: Armed;
  readonly platform: string;
  /** EC2's TerminateInstances on this instance; resolves to null or the reason. */
  readonly terminate: (signal: AbortSignal) => Promise<string | null>;
  /** The system call; returns null or the reason. */
  readonly powerOff: (permit: Armed, platform: string) => string | null;
}

/** Without waiting for services or users: what is left when an orderly shutdown hangs. */
export function forceCommand(platform: string): readonly string[] {
  return platform === 'darwin' ? ['/sbin/halt', '-q'] : ['/bin/systemctl', 'poweroff', '--force'];
}

/** The command where none is configured; for armed machines and dry runs. */
export const DEFAULT_COMMAND = ['/sbin/shutdown', '-h', 'now'] as const;

/**
 * The rungs that this supervisor climbs. Armed, all four unless the configuration names fewer; not armed, nothing but
 * the command. `dropped` were asked for and do not exist here.
 */
export function ladderOf(configured: readonly RungName[] | undefined, armed: boolean) {
  const wanted = configured ?? (armed ? RUNG_NAMES : (['command'] as const));
  const names = armed ? [...wanted] : wanted.filter((name) => name === 'command');
  return { names, dropped: wanted.filter((name) => !names.includes(name)) };
}

/** Builds the rungs. The command comes twice in a row where something stronger follows it. */
export function makeRungs(
  names: readonly RungName[],
  command: readonly string[],
  run: RunProgram,
  effects: ArmedEffects | undefined,
): Rung[] {
  if (effects !== undefined) requireArmed(effects.permit);
  const program = (name: RungName, argv: readonly string[]): Rung => ({
    name,
    climb: (timeoutMs, signal) => run(argv, timeoutMs, signal),
  });
  const commands = program('command', command);
  return names.flatMap((name): Rung[] => {
    if (name === 'command') return names.length === 1 ? [commands] : [commands, commands];
    if (effects === undefined) return [];
    const { permit, platform, terminate, powerOff } = effects;
    if (name === 'force') return [program(name, forceCommand(platform))];
    if (name === 'terminate') return [{ name, climb: (_timeoutMs, signal) => terminate(signal) }];
    return [{ name, climb: async () => powerOff(permit, platform) }];
  });
}

/** A rung that throws has failed; the ladder goes on. */
export async function climbSafely(rung: Rung, timeoutMs: number, signal: AbortSignal): Promise<string | null> {
  try {
    return await rung.climb(timeoutMs, signal);
  } catch (error) {
    return describeError(error);
  }
}
