import manifest from '../../package.json' with { type: 'json' };

declare const PWAGENT_COMMIT: string;

/** Version from package.json, and the commit that `build.ts` put in (`source` when run from a checkout). */
export const BUILD = {
  version: manifest.version,
  commit: typeof PWAGENT_COMMIT === 'string' ? PWAGENT_COMMIT : 'source',
} as const;
