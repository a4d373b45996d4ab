/**
 * Unrelated text for the side effects of an edit: everyday prose without questions, numbers, steps or reasoning, written for
 * this project (MIT, like the rest). Changing it changes the figures.
 */
export const SIDE_EFFECTS_PROMPT = 'Tell me something.';

export const SIDE_EFFECTS_TEXTS: readonly string[] = [
  'The harbour wakes before the town does. Boats come in with their lamps still lit, and gulls follow them to the quay. A woman in a yellow coat sorts the catch while her dog sleeps on a coil of rope.',
  'Bread needs little more than flour, water, salt and patience. The dough rests under a cloth until it has grown soft and full of air. When the crust turns dark in the oven, the whole kitchen smells of it.',
  'In autumn the leaves of the beech turn copper and stay on the twigs for weeks. Rain darkens the bark, and mushrooms come up along the path. Children carry the smooth brown nuts home in their pockets.',
  'The old library has a reading room with tall windows and green lamps. People speak quietly there, and the floor creaks under every chair. On winter evenings snow gathers on the sills outside.',
];
