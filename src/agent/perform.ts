import { AppError } from '../lib/errors.ts';
import type { Command } from '../rpc/gen/cirrus_ci_service_pb.ts';
import { startBackground } from './instructions/background.ts';
import { clone } from './instructions/clone.ts';
import { writeFileStep } from './instructions/file.ts';
import type { StepContext, StepOutcome } from './instructions/instruction.ts';
import { runScript } from './instructions/script.ts';
import { waitForTerminal } from './instructions/wait-for-terminal.ts';

/** Carries one instruction out. Throws `AppError` for what a person can mend; rejects on abort. */
export async function perform(
  { name, instruction }: Command,
  context: StepContext,
  signal: AbortSignal,
): Promise<StepOutcome> {
  switch (instruction.case) {
    case 'exitInstruction':
      return { tag: 'exit' };
    case 'scriptInstruction':
      return runScript(instruction.value, context, signal);
    case 'backgroundScriptInstruction':
      return startBackground(instruction.value, context, signal);
    case 'cloneInstruction':
      return clone(instruction.value, context, signal);
    case 'fileInstruction':
      return writeFileStep(instruction.value, context, signal);
    case 'cacheInstruction': {
      const { restoreCache } = await import('./instructions/cache.ts');
      return restoreCache(name, instruction.value, context, signal);
    }
    case 'uploadCacheInstruction': {
      const { uploadCache } = await import('./instructions/upload-cache.ts');
      return uploadCache(instruction.value, context, signal);
    }
    case 'artifactsInstruction': {
      const { uploadArtifacts } = await import('./instructions/artifacts.ts'); // other tasks start without its readers
      return uploadArtifacts(name, instruction.value, context, signal);
    }
    case 'waitForTerminalInstruction':
      return waitForTerminal(instruction.value, context, signal);
    default:
      throw new AppError('CONFIG', 'this agent does not know this kind of instruction', {
        hint: 'update pwagent on the worker',
      });
  }
}
