import { mkdir, open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { AppError } from '../../lib/errors.ts';
import { errnoOf } from '../../platform/files.ts';
import type { FileInstruction } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import { expandText } from '../expansion.ts';
import type { Perform } from './instruction.ts';

async function write(path: string, content: string, mode: number): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    const handle = await open(path, 'w', mode);
    try {
      await handle.chmod(mode); // it may have been there before, for everybody to read
      await handle.writeFile(content);
    } finally {
      await handle.close();
    }
  } catch (error) {
    const hint = 'the destination must be a path that this worker may write';
    throw new AppError('CONFIG', `file ${path} cannot be written (${errnoOf(error)})`, { hint, cause: error });
  }
}

/** Writes a file from a variable of the task, readable by this user alone, or from text of the configuration. */
export const writeFileStep: Perform<FileInstruction> = async ({ destinationPath, source }, context) => {
  const { environment, process, workingFolder, output } = context;
  const path = resolve(workingFolder, expandText(destinationPath, environment, process));
  if (source.case === 'fromContents') {
    await write(path, source.value, 0o644);
    return { tag: 'completed' };
  }
  const name = source.value ?? '';
  const content = environment[name];
  if (content === undefined || content.startsWith('ENCRYPTED')) {
    const why = content === undefined ? 'is not set' : 'could not be decrypted for this build';
    await output.print(`Variable ${name} ${why}, so ${path} was not written.`);
    return { tag: 'completed' };
  }
  await write(path, content, 0o600);
  return { tag: 'completed' };
};
