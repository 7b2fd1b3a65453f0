import { describeError } from '../../src/lib/errors.ts';
import { spawn } from '../../src/platform/processes.ts';

/** Starts `true` in the folder of the argument and prints what came of it. */
const [cwd = '/'] = process.argv.slice(2);
const env = { PATH: process.env.PATH ?? '' };
const told = await spawn({ argv: ['true'], env, cwd }).then(() => 'started', describeError);
process.stdout.write(told);
