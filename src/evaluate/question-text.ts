export { questionText } from '../data/question-text.ts';
