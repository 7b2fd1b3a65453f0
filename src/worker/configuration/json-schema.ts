import { z } from 'zod';
import { workerSchema } from './worker-file.ts';

/** JSON Schema (draft 7, which editors know best) of `worker.yml`. */
export function workerJsonSchema(): object {
  const schema = z.toJSONSchema(workerSchema(undefined), { io: 'input', unrepresentable: 'any', target: 'draft-7' });
  return { ...schema, title: 'worker.yml of pwagent' };
}
