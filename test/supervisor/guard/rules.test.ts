import { describe, expect, test } from 'bun:test';
import { grantArmed } from '../../../src/platform/armed.ts';
import type { FeedProgram } from '../../../src/platform/feed-program.ts';
import { blockMetadataFor, unblockMetadata } from '../../../src/supervisor/guard/metadata-guard.ts';
import {
  blockCommands,
  nftRules,
  parsePfToken,
  pfRules,
  unblockCommands,
} from '../../../src/supervisor/guard/rules.ts';

const never = new AbortController().signal;
const permit = grantArmed('i-0123456789abcdef0');

test('nftables: our table alone, made anew in one transaction', () => {
  expect(nftRules(1_001)).toBe(`add table inet pwagent
delete table inet pwagent
table inet pwagent {
  chain output {
    type filter hook output priority filter; policy accept;
    meta skuid 1001 ip daddr 169.254.169.254 reject
    meta skuid 1001 ip6 daddr fd00:ec2::254 reject
  }
}
`);
});

test('pf: our anchor alone, one rule for each address', () => {
  expect(pfRules(502)).toBe(`block return out quick inet proto { tcp udp } from any to 169.254.169.254 user 502
block return out quick inet6 proto { tcp udp } from any to fd00:ec2::254 user 502
`);
});

describe('command lines', () => {
  const lines = (commands: readonly { argv: readonly string[] }[]) => commands.map(({ argv }) => argv.join(' '));
  test.each([
    ['linux', lines(blockCommands('linux', 5)), ['/usr/sbin/nft -f -']],
    ['linux, away', lines(unblockCommands('linux')), ['/usr/sbin/nft -f -']],
    ['darwin', lines(blockCommands('darwin', 5)), ['/sbin/pfctl -a com.apple/pwagent -f -', '/sbin/pfctl -E']],
    ['darwin, away', lines(unblockCommands('darwin')), ['/sbin/pfctl -a com.apple/pwagent -F all']],
    [
      'darwin, away with the token',
      lines(unblockCommands('darwin', '77')),
      ['/sbin/pfctl -a com.apple/pwagent -F all', '/sbin/pfctl -X 77'],
    ],
  ])('%s', (_title, made, wanted) => expect(made).toEqual(wanted));

  test('no line touches the whole rule set, nor switches the filter off', () => {
    const all = ['linux', 'darwin'].flatMap((platform) => [
      ...blockCommands(platform, 5),
      ...unblockCommands(platform, '77'),
    ]);
    const text = all.map(({ argv, input }) => `${argv.join(' ')}\n${input}`).join('\n');
    expect(text).not.toMatch(/flush ruleset|pfctl -d|pfctl -F|pfctl -f/);
  });
});

test.each([
  ['No ALTQ support in kernel\npf enabled\nToken : 15372814921728498\n', '15372814921728498'],
  ['pfctl: pf already enabled\nToken : 1\n', '1'],
  ['pf enabled\n', undefined],
  ['Token : x; rm\n', undefined],
])('the token of %j', (said, token) => expect(parsePfToken(said)).toBe(token));

/** Commands are noted, and answered by the first entry whose words they contain. */
function feeding(answers: Record<string, { problem: string | null; said: string }>) {
  const seen: string[] = [];
  const feed: FeedProgram = async (argv) => {
    const line = argv.join(' ');
    seen.push(line);
    const found = Object.entries(answers).find(([words]) => line.includes(words));
    return found?.[1] ?? { problem: null, said: '' };
  };
  return { feed, seen };
}

describe('the guard', () => {
  test('on macOS the reference to the filter is given back with its token', async () => {
    const { feed, seen } = feeding({ '-E': { problem: null, said: 'pf enabled\nToken : 42\n' } });
    const guard = await blockMetadataFor(502, permit, { platform: 'darwin', feed }, never);
    if (!guard.active) throw new Error(guard.why);
    expect(await guard.remove(never)).toBeNull();
    expect(seen.slice(2)).toEqual(['/sbin/pfctl -a com.apple/pwagent -F all', '/sbin/pfctl -X 42']);
  });

  test('what fails is told and leaves nothing behind', async () => {
    const { feed, seen } = feeding({ '-E': { problem: 'pfctl ended with code 1', said: '' } });
    const guard = await blockMetadataFor(502, permit, { platform: 'darwin', feed }, never);
    expect(guard).toEqual({ active: false, why: 'pfctl ended with code 1' });
    expect(seen.at(-1)).toBe('/sbin/pfctl -a com.apple/pwagent -F all');
    const failing = feeding({ nft: { problem: 'program /usr/sbin/nft was not found', said: '' } });
    expect(await unblockMetadata({ platform: 'linux', feed: failing.feed }, never)).toContain('not found');
  });

  test('never without the permit, never for root', async () => {
    const { feed, seen } = feeding({});
    const refused = blockMetadataFor(502, { instanceId: 'i-1' }, { platform: 'linux', feed }, never);
    expect(await refused.catch((error: Error) => error.message)).toContain('not armed');
    expect((await blockMetadataFor(0, permit, { platform: 'linux', feed }, never)).active).toBe(false);
    expect(seen).toEqual([]);
  });
});
