/**
 * The chat template used when a tokenizer brings none: the behaviour of Qwen3's, in our own words.
 *
 * A turn is `<|im_start|>role\n…<|im_end|>\n`. Tools are listed in the system turn. Consecutive tool results share
 * a user turn. Reasoning (`reasoning_content`, or what stands before `</think>`) is kept only after the last user
 * turn that is no tool response: the final turn always has a think block there, earlier ones where they have
 * reasoning. Assistant turns are marked as generated from after `assistant\n` to `<|im_end|>`.
 */
export const qwen3Template = String.raw`
{%- set query = namespace(at=messages|length - 1, open=true) -%}
{%- for message in messages|reverse -%}
  {%- if query.open and message.role == 'user' -%}
    {%- set isToolAnswer = message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>') -%}
    {%- if not isToolAnswer -%}
      {%- set query.open = false -%}
      {%- set query.at = messages|length - 1 - loop.index0 -%}
    {%- endif -%}
  {%- endif -%}
{%- endfor -%}
{%- set system = messages[0].content if messages[0].role == 'system' else none -%}
{%- if tools -%}
  {{- '<|im_start|>system\n' -}}
  {%- if system is not none -%}{{- system + '\n\n' -}}{%- endif -%}
  {{- '# Tools\n\nYou may call one or more functions to assist with the user query.\n\n' -}}
  {{- 'You are provided with function signatures within <tools></tools> XML tags:\n<tools>\n' -}}
  {%- for tool in tools -%}{{- (tool|tojson) + '\n' -}}{%- endfor -%}
  {{- '</tools>\n\nFor each function call, return a json object with function name and arguments ' -}}
  {{- 'within <tool_call></tool_call> XML tags:\n<tool_call>\n' -}}
  {{- '{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call><|im_end|>\n' -}}
{%- elif system is not none -%}
  {{- '<|im_start|>system\n' + system + '<|im_end|>\n' -}}
{%- endif -%}
{%- for message in messages -%}
  {%- if message.role == 'assistant' -%}
    {%- set reasoning = '' -%}
    {%- set answer = message.content -%}
    {%- if message.reasoning_content is defined and message.reasoning_content is not none -%}
      {%- set reasoning = message.reasoning_content -%}
    {%- elif '</think>' in message.content -%}
      {%- set parts = message.content.split('</think>') -%}
      {%- set answer = parts[-1].lstrip('\n') -%}
      {%- set reasoning = parts[0].rstrip('\n').split('<think>')[-1].lstrip('\n') -%}
    {%- endif -%}
    {{- '<|im_start|>assistant\n' -}}
    {%- generation -%}
    {%- if loop.index0 > query.at and (loop.last or reasoning) -%}
      {{- '<think>\n' + reasoning.strip('\n') + '\n</think>\n\n' + answer.lstrip('\n') -}}
    {%- else -%}
      {{- answer -}}
    {%- endif -%}
    {%- for call in message.tool_calls or [] -%}
      {%- if answer or not loop.first -%}{{- '\n' -}}{%- endif -%}
      {%- set function = call.function or call -%}
      {{- '<tool_call>\n{"name": "' + function.name + '", "arguments": ' -}}
      {{- function.arguments if function.arguments is string else (function.arguments|tojson) -}}
      {{- '}\n</tool_call>' -}}
    {%- endfor -%}
    {{- '<|im_end|>' -}}
    {%- endgeneration -%}
    {{- '\n' -}}
  {%- elif message.role == 'tool' -%}
    {%- if loop.first or messages[loop.index0 - 1].role != 'tool' -%}{{- '<|im_start|>user' -}}{%- endif -%}
    {{- '\n<tool_response>\n' + message.content + '\n</tool_response>' -}}
    {%- if loop.last or messages[loop.index0 + 1].role != 'tool' -%}{{- '<|im_end|>\n' -}}{%- endif -%}
  {%- elif message.role == 'user' or (message.role == 'system' and not loop.first) -%}
    {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- '<|im_start|>assistant\n' -}}
  {%- if enable_thinking is defined and enable_thinking is false -%}{{- '<think>\n\n</think>\n\n' -}}{%- endif -%}
{%- endif -%}
`;
