/**
 * The metadata service of EC2 gives an instance's role credentials to whoever asks. The worker's user shall not reach
 * it; everybody else shall. Addresses: EC2 User Guide, "Access instance metadata".
 */
export const METADATA_ADDRESSES = { v4: '169.254.169.254', v6: 'fd00:ec2::254' } as const;

/** Our own table and our own anchor; nothing else of the packet filter is touched. */
const TABLE = 'inet pwagent';
const ANCHOR = 'com.apple/pwagent';

/** A program and what it reads from standard input. */
export interface FilterCommand {
  readonly argv: readonly string[];
  readonly input: string;
}

/** nft has no "delete if it exists"; adding first makes the deletion succeed, and the file is one transaction. */
const NFT_REMOVAL = [`add table ${TABLE}`, `delete table ${TABLE}`];

/** The whole table anew, so that it is right whatever a predecessor left. Refusing tells a task at once. */
export function nftRules(uid: number): string {
  const { v4, v6 } = METADATA_ADDRESSES;
  const lines = [
    ...NFT_REMOVAL,
    `table ${TABLE} {`,
    '  chain output {',
    '    type filter hook output priority filter; policy accept;',
    `    meta skuid ${uid} ip daddr ${v4} reject`,
    `    meta skuid ${uid} ip6 daddr ${v6} reject`,
    '  }',
    '}',
  ];
  return `${lines.join('\n')}\n`;
}

/** The rules of the anchor; loading replaces what was in it. */
export function pfRules(uid: number): string {
  const { v4, v6 } = METADATA_ADDRESSES;
  const rule = (family: string, address: string) =>
    `block return out quick ${family} proto { tcp udp } from any to ${address} user ${uid}`;
  return `${rule('inet', v4)}\n${rule('inet6', v6)}\n`;
}

/** What sets the guard, in order. `pfctl -E` counts users of the filter and tells a token that gives ours back. */
export function blockCommands(platform: string, uid: number): FilterCommand[] {
  if (platform !== 'darwin') return [{ argv: ['/usr/sbin/nft', '-f', '-'], input: nftRules(uid) }];
  return [
    { argv: ['/sbin/pfctl', '-a', ANCHOR, '-f', '-'], input: pfRules(uid) },
    { argv: ['/sbin/pfctl', '-E'], input: '' },
  ];
}

/** What takes the guard away; works when there is none, too. `pfToken` is what `pfctl -E` told, if it did. */
export function unblockCommands(platform: string, pfToken?: string): FilterCommand[] {
  if (platform !== 'darwin') return [{ argv: ['/usr/sbin/nft', '-f', '-'], input: `${NFT_REMOVAL.join('\n')}\n` }];
  const flush = { argv: ['/sbin/pfctl', '-a', ANCHOR, '-F', 'all'], input: '' };
  return pfToken === undefined ? [flush] : [flush, { argv: ['/sbin/pfctl', '-X', pfToken], input: '' }];
}

/** The token in what `pfctl -E` prints (`Token : 1234567890`). */
export function parsePfToken(said: string): string | undefined {
  return /^Token\s*:\s*(\d+)\s*$/m.exec(said)?.[1];
}
