/**
 * The five styles of reasoning that arXiv 2507.08799 transfers between models, and how a teacher is told to write in
 * each. The texts are ours.
 */
export const styleNames = ['stepwise', 'strategy', 'causal', 'deduction', 'analogy'] as const;

export type StyleName = (typeof styleNames)[number];

export interface TraceStyle {
  /** What a trace in this style looks like, for the teacher. */
  readonly description: string;
  /** What every trace in this style matches. */
  readonly form: RegExp;
  /** The form in a few words, for a teacher that missed it. */
  readonly reminder: string;
  /** A solution of {@link examples}' question with a number to find, without its closing sentence. */
  readonly numberExample: string;
  /** The same of the question with choices. */
  readonly choiceExample: string;
}

/** What the examples of all styles solve, so that the style is all that differs between them. */
export const examples = {
  number: {
    question:
      'A baker fills 4 trays with 6 rolls each. By noon she has sold 15 rolls. How many rolls are left?',
    answer: '9',
  },
  choice: {
    question:
      'Maya leaves a glass of iced tea on the porch on a humid day. Where does the water on the outside of the glass come from?\nA) the tea inside the glass\nB) the air around the glass\nC) the melting ice',
    answer: 'B',
  },
} as const;

export const styles: Readonly<Record<StyleName, TraceStyle>> = {
  stepwise: {
    description:
      'Stepwise reasoning. Number the steps: "Step 1:", "Step 2:" and so on, each on a line of its own. A step does one thing only: it takes up one fact, does one calculation, or draws one conclusion, and says what comes out of it. Later steps use what earlier steps found. Two to eight steps.',
    form: /\bStep 1:[\s\S]*\bStep 2:/,
    reminder: 'numbered steps, each on its own line, that begin "Step 1:", "Step 2:" and so on',
    numberExample:
      'Step 1: There are 4 trays of 6 rolls, so the baker makes 4 * 6 = 24 rolls.\nStep 2: She sells 15 of them, so 24 - 15 = 9 rolls are left.',
    choiceExample:
      'Step 1: The ice makes the tea and the glass colder than the air on the porch.\nStep 2: Humid air holds much water vapour.\nStep 3: Vapour that touches a cold surface cools and turns into liquid water.\nStep 4: Glass lets no water through, so the drops were vapour in the air around it, which is choice B.',
  },
  strategy: {
    description:
      'Strategy and execution. First a part that begins "Strategy:" and says in one to three sentences how the question can be solved: what has to be found, from what, in which order, and why that is enough. It holds no calculation and no result. Then, on a new line, a part that begins "Execution:" and carries the strategy out in its own order, with all calculations or conclusions.',
    form: /\bStrategy:[\s\S]*\bExecution:/,
    reminder: 'a part that begins "Strategy:", then a part that begins "Execution:"',
    numberExample:
      'Strategy: Find how many rolls were made in all from the trays and the rolls on each, then take away those that were sold, as what is made and not sold is left.\nExecution: The trays hold 4 * 6 = 24 rolls. After the sale 24 - 15 = 9 rolls remain.',
    choiceExample:
      'Strategy: Name every place that the water could come from, rule out those from which it cannot reach the outside of the glass, and check that the one which remains explains why it matters that the day is humid.\nExecution: Tea and melted ice are inside, and glass lets no water through, so A and C are out. The air touches the outside, and humid air gives off water where it meets a cold surface. That leaves B.',
  },
  causal: {
    description:
      'A causal chain. Each sentence gives a cause and what follows from it: "Because ..., ..." or "..., therefore ...". The effect that ends one sentence is the cause that begins the next, so that the whole is one unbroken chain from the facts of the question to its answer. No numbered steps, no side remarks.',
    form: /\bbecause\b[\s\S]*\b(?:because|therefore)\b/i,
    reminder:
      'a chain of sentences "Because ..., ..." and "..., therefore ...", each of which follows from the one before',
    numberExample:
      'Because 4 trays hold 6 rolls each, the baker has 4 * 6 = 24 rolls. Because she has 24 rolls and sells 15, 24 - 15 = 9 rolls stay unsold. The 9 rolls are unsold, therefore they are what is left.',
    choiceExample:
      'Because there is ice in the tea, the glass becomes cold. Because the glass is cold, the humid air that touches it cools down. Because cool air can hold less water vapour, some of the vapour turns into drops on the glass. The drops were vapour in the air, therefore the water comes from the air around the glass, which is choice B.',
  },
  deduction: {
    description:
      'Annotated deduction. A list of statements, each on a line of its own, named by letters: "P:" for the first, then "Q:", "R:" and so on. Each ends with a note in square brackets that says where it comes from: [given], [fact] for common knowledge, [inference from P and Q: subtraction] with the statements it rests on and the rule or operation, and for the last one, which settles the question, [conclusion from R: ...] in the same way.',
    form: /\[(?:given|fact)[^\]\n]*\][\s\S]*\[(?:inference|conclusion)[^\]\n]*\]/i,
    reminder:
      'statements on lines of their own, each with its note in square brackets: [given], [fact], [inference from ...: ...] and at last [conclusion from ...: ...]',
    numberExample:
      'P: There are 4 trays of 6 rolls each [given].\nQ: The baker makes 4 * 6 = 24 rolls [inference from P: multiplication].\nR: She sells 15 rolls [given].\nS: 24 - 15 = 9 rolls are left [conclusion from Q and R: subtraction].',
    choiceExample:
      'P: The glass holds ice, and the air is humid [given].\nQ: The outside of the glass is colder than the air [inference from P: ice cools what it touches].\nR: Water vapour turns liquid on a surface that is cold enough [fact].\nS: Vapour of the air turns liquid on the glass [inference from P, Q and R: the rule applied].\nT: Nothing from inside passes through glass [fact].\nU: The water comes from the air around the glass, which is B [conclusion from S and T: elimination].',
  },
  analogy: {
    description:
      'Reasoning by analogy. Three parts, each on a line of its own. "Analogy:" tells a simpler or more familiar situation that works in the same way, with its own names and, where there are numbers, smaller numbers, and solves it. "Mapping:" says which thing of the question corresponds to which thing of the analogy. "Solution:" carries the same reasoning over to the question and solves it with its own facts and numbers.',
    form: /\bAnalogy:[\s\S]*\bMapping:[\s\S]*\bSolution:/,
    reminder: 'three parts that begin "Analogy:", "Mapping:" and "Solution:"',
    numberExample:
      'Analogy: Someone with 2 bags of 3 apples has 2 * 3 = 6 apples, and after giving 1 away keeps 6 - 1 = 5.\nMapping: The trays are the bags, the rolls are the apples, and the rolls sold are the apples given away.\nSolution: The baker has 4 * 6 = 24 rolls, and after selling 15 she keeps 24 - 15 = 9.',
    choiceExample:
      'Analogy: When someone with glasses comes into a warm kitchen from the cold, the lenses fog up. Nothing leaks out of the lenses: the moist air of the kitchen leaves its water on them because they are cold.\nMapping: The iced glass is the cold lens, the humid air of the porch is the moist air of the kitchen, and the drops are the fog.\nSolution: The humid air leaves its water on the cold glass just so, and nothing leaks out of it. The water comes from the air around the glass, which is choice B.',
  },
};
