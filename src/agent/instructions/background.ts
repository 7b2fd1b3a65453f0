import type { Exit } from '../../platform/processes.ts';
import type { BackgroundScriptInstruction } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import type { Program } from '../program/program.ts';
import type { Perform, Running, StepContext } from './instruction.ts';
import { closingText, commandLines, ensureWorkingFolder, startProgram } from './script.ts';

function closingTextOf({ code, signal }: Exit): string {
  if (code !== null) return closingText({ tag: 'exited', code, outputHeld: false });
  return closingText({ tag: 'killed', signal: signal ?? 'unknown signal', outputHeld: false });
}

/** Command lines that run one after the other, beside the next steps of the task. */
class BackgroundLines implements Running {
  readonly #programs: Program[] = [];
  #stopping = false;

  constructor(
    private readonly lines: readonly (readonly string[])[],
    private readonly context: StepContext,
  ) {}

  /** Starts the first one. Rejects with an `AppError` when that cannot be started. */
  async start(): Promise<void> {
    const [first, ...rest] = this.lines;
    if (first === undefined) return;
    const program = await startProgram(first, this.context);
    this.#programs.push(program);
    void this.#follow(program, rest);
  }

  /** Tells how a program ended by itself, and goes on with the next one when it succeeded. */
  async #follow(program: Program, rest: readonly (readonly string[])[]): Promise<void> {
    const { output } = this.context;
    try {
      const exit = await program.exited;
      if (this.#stopping) return;
      const text = closingTextOf(exit);
      if (text !== '') await output.print(text);
      const [next, ...others] = rest;
      if (next === undefined || exit.code !== 0) return;
      const following = await startProgram(next, this.context);
      this.#programs.push(following);
      if (this.#stopping) await following.stop(AbortSignal.abort());
      else await this.#follow(following, others);
    } catch (error) {
      await output.print(error instanceof Error ? error.message : String(error)).catch(() => {}); // a log that is full
    }
  }

  async stop(hurry: AbortSignal): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#programs.map((program) => program.stop(hurry)));
  }
}

/** Starts a script that runs beside the next steps until the task ends; what it leaves running stays until then. */
export const startBackground: Perform<BackgroundScriptInstruction> = async ({ scripts }, context) => {
  await ensureWorkingFolder(context.workingFolder);
  const lines = await commandLines(scripts, context);
  if (lines.length === 0) return { tag: 'completed' };
  const running = new BackgroundLines(lines, context);
  await running.start();
  return { tag: 'background', running };
};
