import { describe, expect, it } from 'vitest';
import { InvalidArgumentError, UnsupportedModelError } from '../../errors.ts';
import { createChatTemplate } from './chat-template.ts';

const user = [{ role: 'user', content: 'Hi' }];
const render = async (text: string, messages = user, specialTokens = {}) =>
  (await createChatTemplate(text, specialTokens)).render(messages, true);

describe('createChatTemplate', () => {
  it('gives the template messages, special tokens and add_generation_prompt', async () => {
    const text =
      '{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content | trim }}{{ eos_token }}{% endfor %}' +
      '{% if add_generation_prompt %}>{% endif %}{{ unk_token }}{% if tools is none %}.{% endif %}';
    const template = await createChatTemplate(text, { bos_token: '<s>', eos_token: '</s>' });
    expect(template.render([{ role: 'user', content: ' Hi ' }], true)).toBe('<s>[user] Hi</s>>.');
    expect(template.render(user, false)).toBe('<s>[user] Hi</s>.');
  });

  it('trims blocks and a last line break as transformers does', async () => {
    expect(await render('{% if true %}\n  a\n  {% endif %}\nb\n')).toBe('  a\nb');
  });

  it('tells a fixed date, so that a prompt is the same every day', async () => {
    // Llama 3.2's own words.
    const llama =
      '{%- if strftime_now is defined %}{%- set d = strftime_now("%d %b %Y") %}{%- else %}{%- set d = "26 Jul 2024" %}{%- endif %}{{ d }}';
    expect(await render(llama)).toBe('26 Jul 2024');
    expect(await render('{{ strftime_now("%A, %-d %B %Y %H:%M 100%% %q") }}')).toBe(
      'Friday, 26 July 2024 00:00 100% %q',
    );
  });

  it('has range, bounded', async () => {
    expect(
      await render(
        '{% for i in range(3) %}{{ i }}{% endfor %}{% for i in range(5, 0, -2) %}{{ i }}{% endfor %}',
      ),
    ).toBe('012531');
    await expect(render('{% for i in range(1000000000) %}{% endfor %}')).rejects.toThrow(/range/);
    await expect(render('{{ range(0, 5, 0) }}')).rejects.toThrow(InvalidArgumentError);
  });

  it("passes the template's refusal on", async () => {
    const refusing =
      "{% if messages[0]['role'] != 'user' %}{{ raise_exception('Roles must alternate') }}{% endif %}";
    await expect(render(refusing, [{ role: 'system', content: '' }])).rejects.toThrow(/Roles must alternate/);
    await expect(render(refusing, [{ role: 'system', content: '' }])).rejects.toThrow(InvalidArgumentError);
  });

  it('says that a template cannot be parsed, when it is used', async () => {
    const template = await createChatTemplate('{% for %}', {});
    expect(template.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(() => template.render(user, true)).toThrow(UnsupportedModelError);
  });

  it('reaches no JavaScript', async () => {
    expect(await render('{{ messages.constructor }}{{ messages[0].__proto__ }}{{ process }}')).toBe('');
    await expect(render('{{ raise_exception.constructor("return 1")() }}')).rejects.toThrow(
      InvalidArgumentError,
    );
  });

  it.each([
    ['none', []],
    ['no array', null],
    ['no role', [{ content: 'a' }]],
    ['an empty role', [{ role: '', content: 'a' }]],
    ['no content', [{ role: 'user' }]],
    ['content in parts', [{ role: 'user', content: [{ type: 'text', text: 'a' }] }]],
  ])('refuses messages: %s', async (_, messages) => {
    await expect(render('a', messages as typeof user)).rejects.toThrow(InvalidArgumentError);
  });
});
