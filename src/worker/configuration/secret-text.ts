import { Secret } from '../../lib/secret.ts';
import type { Environment } from '../../platform/environment.ts';
import { nonEmptyText } from './values.ts';

/**
 * A secret of the file, in which `${NAME}` stands for a variable of the environment, so that the file itself need hold
 * none; `$${` is a plain `${`. A variable that is not set, or empty, is a mistake. Without `env` the text stays as it is.
 */
export function secretText(env: Environment | undefined) {
  return nonEmptyText.transform((text, context) => {
    if (env === undefined) return new Secret(text);
    const expanded = text.replace(/\$\$\{|\$\{([^}]*)\}/g, (match, name: string | undefined) => {
      if (name === undefined) return '${';
      const value = Object.hasOwn(env, name) ? env[name] : undefined;
      if (value !== undefined && value !== '') return value;
      context.addIssue({ code: 'custom', message: `the variable ${name} is not set in the worker's environment` });
      return match;
    });
    return new Secret(expanded.trim());
  });
}
