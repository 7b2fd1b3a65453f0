import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { DEFAULT_POLICY, type VolumeRule } from '../../../src/worker/policy/security-policy.ts';
import { followIn, type Tree } from './memory-tree.ts';
import { outcome, tart } from './policy-support.ts';

const name = fc.constantFrom('a', 'b', 'c', 'aa');
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join('/')}`);
const hostile = fc
  .array(fc.constantFrom('a', 'b', 'c', 'aa', '.', '..', '', 'A'), { minLength: 1, maxLength: 8 })
  .map((parts) => `/${parts.join('/')}`);
const linkTarget = fc.oneof(
  hostile,
  fc.array(fc.constantFrom('a', 'b', '..'), { minLength: 1 }).map((parts) => parts.join('/')),
);

/** Directories and links anywhere, every parent a directory. */
const tree: fc.Arbitrary<Tree> = fc.array(fc.tuple(path, fc.option(linkTarget)), { maxLength: 12 }).map((entries) => {
  const found = new Map<string, { link: string } | 'directory'>();
  for (const [at, link] of entries) {
    const parents = at
      .split('/')
      .slice(1, -1)
      .map((_, index, parts) => `/${parts.slice(0, index + 1).join('/')}`);
    if (parents.some((parent) => found.has(parent) && found.get(parent) !== 'directory') || found.has(at)) continue;
    for (const parent of parents) found.set(parent, 'directory');
    found.set(at, link === null ? 'directory' : { link });
  }
  return found;
});

/** Rules without links in them, so that what they allow can be told from the text alone. */
const rule: fc.Arbitrary<VolumeRule> = fc.record({
  source: fc.tuple(path, fc.boolean()).map(([at, below]) => (below ? `${at}/*` : at)),
  forceReadonly: fc.boolean(),
});

function within(source: string, { source: pattern }: VolumeRule): boolean {
  if (!pattern.endsWith('/*')) return source === pattern;
  const folder = pattern.slice(0, -2);
  return source === folder || source.startsWith(`${folder}/`);
}

test('no path outside an allowed prefix is mounted, and none writable below a rule that forces read-only', async () => {
  let mounted = 0;
  await fc.assert(
    fc.asyncProperty(
      tree,
      fc.array(rule, { maxLength: 4 }),
      hostile,
      fc.boolean(),
      async (world, rules, source, readOnly) => {
        const follow = followIn(world);
        for (const { source: at } of rules) {
          const literal = at.replace(/\/\*$/, '');
          fc.pre(
            await follow(literal).then(
              ({ path: real }) => real === literal,
              () => false,
            ),
          );
        }
        const policy = {
          ...DEFAULT_POLICY,
          tart: { allowedImages: [], allowedVolumes: rules, forceSoftnet: false, softnetAllow: [] },
        };
        const found = await outcome(policy, tart({ volumes: [{ source, readOnly }] }), { follow, arch: 'arm64' });
        if (typeof found === 'string' || found.kind !== 'tart') return;
        mounted += 1;
        const [mount] = found.mounts;
        const deciding = rules.find((one) => within(mount?.source ?? '', one));
        expect(deciding).toBeDefined();
        expect(mount?.readOnly).toBe(readOnly || deciding?.forceReadonly === true);
        expect((await follow(mount?.source ?? '')).path).toBe(mount?.source ?? ''); // it is a real path
      },
    ),
    { numRuns: 3_000 },
  );
  expect(mounted).toBeGreaterThan(20);
});
