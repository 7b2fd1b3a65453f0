import { lookAgain } from '../../src/agent/artifacts/look-again.ts';
import { findFiles } from '../../src/agent/glob/find-files.ts';

/** Prints what the pattern of the first argument finds in the folder of the second, and why which of it cannot be sent. */
const [pattern = '', base = ''] = process.argv.slice(2);
const { matches, closed } = await findFiles(pattern, base, () => {}, new AbortController().signal);
const files = matches.map(({ path, stats }) => ({
  path: path.slice(base.length + 1),
  absolute: path,
  size: stats.size,
}));
const looks = await Promise.allSettled(files.map((file) => lookAgain(file)));
const problems = looks.flatMap((look) => (look.status === 'rejected' ? String(look.reason.message) : []));
process.stdout.write(JSON.stringify({ matches: files.map(({ path }) => path), closed, problems }));
