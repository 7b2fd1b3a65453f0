import { z } from 'zod';
import { DEFAULT_POLICY, type SecurityPolicy } from '../policy/security-policy.ts';
import { flag, nonEmptyText, scalarText } from './values.ts';

const MAX_RULES = 10_000;

const texts = (what: string) => z.array(nonEmptyText, { error: `expected a list of ${what}` }).max(MAX_RULES);
const images = z.array(scalarText, { error: 'expected a list of image patterns' }).max(MAX_RULES);

/** Why a rule for volumes can match nothing; undefined for a good one. */
export function ruleProblem(source: string): string | undefined {
  if (!/^[/*]/.test(source)) return `"${source}" can match no path: write it from the root on, such as "/Users/ci/*"`;
  if (/(?:^|\/)\.\.?(?:\/|$)/.test(source)) return `"${source}" can match no path: write it without "." and ".."`;
  return undefined;
}

const volumeRule = z
  .strictObject({ source: nonEmptyText, 'force-readonly': flag.optional() })
  .superRefine(({ source }, context) => {
    const message = ruleProblem(source);
    if (message !== undefined) context.addIssue({ code: 'custom', path: ['source'], message });
  })
  .transform((rule) => ({ source: rule.source, forceReadonly: rule['force-readonly'] ?? false }));

const volumes = z.array(volumeRule, { error: 'expected a list of volumes, each with "source"' }).max(MAX_RULES);
const noOptions = z.strictObject({}, { error: 'expected {}: this isolation has no options' });

/** A kind whose key has no value is denied, as it was by the old worker; see section 8.2 of its specification. */
const isolations = z.strictObject(
  {
    none: noOptions.nullish(),
    container: z.strictObject({ 'allowed-images': images.optional(), 'allowed-volumes': volumes.optional() }).nullish(),
    parallels: noOptions.nullish(),
    tart: z
      .strictObject({
        'allowed-images': images.optional(),
        'allowed-volumes': volumes.optional(),
        'force-softnet': flag.optional(),
        'softnet-allow': texts('networks').optional(),
      })
      .nullish(),
    vetu: z.strictObject({ 'allowed-images': images.optional() }).nullish(),
  },
  { error: 'expected the allowed isolations, such as "tart: {}"; {} allows none' },
);

type Isolations = z.output<typeof isolations>;

function policyOf({ none, container, parallels, tart, vetu }: Isolations): SecurityPolicy {
  return {
    none: none != null,
    parallels: parallels != null,
    container:
      container == null
        ? undefined
        : { allowedImages: container['allowed-images'] ?? [], allowedVolumes: container['allowed-volumes'] },
    tart:
      tart == null
        ? undefined
        : {
            allowedImages: tart['allowed-images'] ?? [],
            allowedVolumes: tart['allowed-volumes'] ?? [],
            forceSoftnet: tart['force-softnet'] ?? false,
            softnetAllow: tart['softnet-allow'] ?? [],
          },
    vetu: vetu == null ? undefined : { allowedImages: vetu['allowed-images'] ?? [] },
  };
}

/** `security:`. A key without a value would look strict and allow everything, so it is refused. */
export const securitySchema = z
  .strictObject(
    { 'allowed-isolations': isolations.optional() },
    { error: 'expected a map; leave the key out to allow every isolation' },
  )
  .transform((security) =>
    security['allowed-isolations'] === undefined ? DEFAULT_POLICY : policyOf(security['allowed-isolations']),
  );
