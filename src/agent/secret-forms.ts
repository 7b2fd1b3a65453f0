/** Shorter texts than this occur by chance once a secret is taken apart or encoded. */
const DERIVED_MIN_LENGTH = 8;

/** Lengths at which `base64`, and `openssl base64` or PEM, break their lines. */
const WRAPPED_AT = [76, 64] as const;

/** Bits of a byte that the three positions of a base 64 group leave to the byte before: characters that are not ours. */
const FOREIGN_CHARACTERS = [0, 2, 3] as const;

/**
 * Base 64 of whatever has the secret in it, such as `user:SECRET`: at each of the three offsets, the characters that the
 * secret alone decides.
 */
function base64Forms(secret: Buffer): string[] {
  const cores = FOREIGN_CHARACTERS.map((foreign, offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), secret]).toString('base64');
    return encoded.slice(foreign, Math.floor(((offset + secret.length) * 8) / 6));
  });
  const whole = secret.toString('base64');
  const wrapped = WRAPPED_AT.filter((width) => whole.length > width).flatMap((width) =>
    Array.from({ length: Math.ceil(whole.length / width) }, (_value, index) =>
      whole.slice(index * width, (index + 1) * width),
    ),
  );
  const plain = [whole, ...cores, ...wrapped];
  return [...plain, ...plain.map((form) => form.replaceAll('+', '-').replaceAll('/', '_'))];
}

function urlForms(secret: string): string[] {
  const percent = encodeURIComponent(secret.toWellFormed());
  const strict = percent.replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  const forms = [percent, strict, strict.replaceAll('%20', '+')];
  return [...forms, ...forms.map((form) => form.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()))];
}

function lineForms(secret: string): string[] {
  if (!secret.includes('\n')) return [];
  const lines = secret.split(/\r?\n/);
  return [secret.replace(/[\r\n]+$/, ''), ...lines, ...lines.map((line) => line.trim())];
}

/**
 * The forms in which a secret shows up in logs, itself first: its lines, as JSON has it, base 64 in whatever surroundings
 * and wrapped, base 64 for addresses, percent encoding. Forms that are too short to be told from other text are left out.
 */
export function formsOf(secret: string): readonly string[] {
  const json = JSON.stringify(secret).slice(1, -1);
  const derived = [...lineForms(secret), json, ...base64Forms(Buffer.from(secret)), ...urlForms(secret)];
  return [...new Set([secret, ...derived.filter((form) => form.length >= DERIVED_MIN_LENGTH)])];
}
