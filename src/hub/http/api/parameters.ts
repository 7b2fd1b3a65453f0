import { z } from 'zod';
import { HttpError } from '../http-error.ts';

/** Parameters of addresses; longer ones name nothing. */
const id = z.string().max(200);
export const buildParams = z.object({ id: id.describe('Id of the build.') });
export const taskParams = z.object({ id: id.describe('Id of the task.') });
export const logParams = z.object({ id: id.describe('Id of the task.'), instruction: id });
export const nameParams = z.object({ name: id });

export function missing(what: string, name: string): HttpError {
  return new HttpError(404, `there is no ${what} ${name.slice(0, 100)}`);
}
