import { ApiError, badRequest } from '../api-error.ts';
import { entriesOf, parseShortSteering, type SteeringEntry, type SteeringField } from './steering-field.ts';

/**
 * What a request's `model` and `steering` ask for. Clients that cannot send `steering` say it in the model's name:
 * `tiny+stepwise@0.7+brief`.
 *
 * @param served the name of the model that runs here.
 * @throws ApiError 404 for another model, 400 for steering said twice or not readable.
 */
export function steeringOf(
  { model, steering }: { readonly model: string; readonly steering?: SteeringField },
  served: string,
  most: number,
): SteeringEntry[] {
  if (model === served) return entriesOf(steering, most);
  if (!model.startsWith(`${served}+`)) {
    throw new ApiError(
      404,
      'model_not_found',
      `The model ${JSON.stringify(model.slice(0, 200))} is not served here; ${JSON.stringify(served)} is, alone or with vectors: "${served}+name@coefficient".`,
      { param: 'model' },
    );
  }
  if (steering !== undefined) {
    throw badRequest('Say the steering once: in the name of the model, or in the field.', 'steering');
  }
  const entries = parseShortSteering(model.slice(served.length + 1), 'model');
  return entriesOf(entries, most);
}
