/** A piece of JSON Schema (draft 7), kept beside the function that reads what it describes. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Every scalar counts as the text that was written, so that numbers and truth values are texts too. */
export const TEXT: JsonSchema = { type: ['string', 'number', 'boolean', 'null'] };
export const TEXTS: JsonSchema = { anyOf: [TEXT, { type: 'array', items: TEXT }] };
export const CONDITION: JsonSchema = { type: ['string', 'boolean'] };

/** A matrix may stand in any map of a task, and holds whatever that map may hold. */
const MATRIX = { matrix: { type: ['object', 'array'] } };

/** A map whose keys are names of the writer's. */
export function mapSchema(values: JsonSchema): JsonSchema {
  return { type: 'object', properties: MATRIX, additionalProperties: values };
}

const MAP_OF_TEXTS = mapSchema(TEXTS);
export const VARIABLES: JsonSchema = { anyOf: [MAP_OF_TEXTS, { type: 'array', items: MAP_OF_TEXTS }] };

export const SCRIPT: JsonSchema = {
  anyOf: [TEXT, { type: 'array', items: { anyOf: [TEXT, { type: 'object', additionalProperties: TEXT }] } }],
};

/** The schema of a map whose keys a table reads. */
export function objectSchema(
  table: Readonly<Record<string, { readonly schema: JsonSchema }>>,
  more: JsonSchema = {},
): JsonSchema {
  const properties = Object.fromEntries(Object.entries(table).map(([key, { schema }]) => [key, schema]));
  return {
    type: 'object',
    properties: { ...properties, ...MATRIX },
    additionalProperties: false,
    ...more,
  };
}
