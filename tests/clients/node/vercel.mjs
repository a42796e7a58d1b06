// What Vercel's `ai` can be asked, through its providers for OpenAI's and Anthropic's languages.

import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import {
  embedMany,
  experimental_generateSpeech as generateSpeech,
  experimental_transcribe as transcribe,
  generateImage,
  generateObject,
  generateText,
  jsonSchema,
  stepCountIs,
  streamText,
  tool,
} from "ai";

const CITY = jsonSchema({
  type: "object",
  properties: { name: { type: "string" }, people: { type: "integer" } },
  required: ["name", "people"],
  additionalProperties: false,
});
const WEATHER = tool({
  description: "Tell the weather somewhere.",
  inputSchema: jsonSchema({
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  }),
  execute: async ({ city }) => `8 degrees in ${city}`,
});

/** How each provider names what it makes its models with. */
const PROVIDERS = {
  "openai-compatible": (address) => {
    const made = createOpenAICompatible({
      name: "gateway",
      baseURL: `${address}/v1`,
      apiKey: "any",
      includeUsage: true,
      supportsStructuredOutputs: true,
    });
    return { text: made, embedding: made.embeddingModel, image: made.imageModel };
  },
  "openai-responses": (address) => ({
    text: createOpenAI({ baseURL: `${address}/v1`, apiKey: "any" }),
    // Else it names earlier thoughts by their ids, and the gateway keeps no conversations.
    providerOptions: { openai: { store: false } },
  }),
  openai: (address) => {
    const made = createOpenAI({ baseURL: `${address}/v1`, apiKey: "any" });
    return {
      text: made.chat,
      embedding: made.embedding,
      image: made.image,
      speech: made.speech,
      transcription: made.transcription,
    };
  },
  anthropic: (address) => ({
    text: createAnthropic({ baseURL: `${address}/v1`, apiKey: "any" }),
  }),
};

/** What can be asked through a provider, by name. */
export function operations(provider, address) {
  const of = PROVIDERS[provider](address);
  const usual = { maxRetries: 0, providerOptions: of.providerOptions };
  return {
    async chat({ model, prompt }) {
      const answer = await generateText({ model: of.text(model), prompt, ...usual });
      return {
        text: answer.text,
        finish: answer.finishReason,
        model: answer.response.modelId,
        usage: counted(answer.usage),
      };
    },

    async stream({ model, prompt }) {
      const failures = [];
      const answer = streamText({
        model: of.text(model),
        prompt,
        onError: ({ error }) => failures.push(error),
        ...usual,
      });
      const pieces = [];
      for await (const piece of answer.textStream) pieces.push(piece);
      if (failures.length) throw failures[0];
      return { pieces, usage: counted(await answer.usage) };
    },

    /** It calls the tool itself and goes on with what it says. */
    async tools({ model, prompt }) {
      const answer = await generateText({
        model: of.text(model),
        prompt,
        tools: { weather: WEATHER },
        stopWhen: stepCountIs(2),
        ...usual,
      });
      const calls = answer.steps.flatMap((step) => step.toolCalls);
      return { calls: calls.map((call) => [call.toolName, call.input]), text: answer.text };
    },

    async structured({ model, prompt }) {
      const answer = await generateObject({ model: of.text(model), prompt, schema: CITY, ...usual });
      return answer.object;
    },

    async embedding({ model, texts }) {
      const made = await embedMany({ model: of.embedding(model), values: texts, ...usual });
      return { vectors: made.embeddings };
    },

    async image({ model, prompt }) {
      const made = await generateImage({ model: of.image(model), prompt, ...usual });
      return { images: made.images.map((image) => image.base64) };
    },

    async speech({ model, text, voice, form }) {
      const spoken = await generateSpeech({
        model: of.speech(model),
        text,
        voice,
        outputFormat: form,
        ...usual,
      });
      return { sound: spoken.audio.base64 };
    },

    async transcription({ model, sound }) {
      const heard = await transcribe({
        model: of.transcription(model),
        audio: Buffer.from(sound, "base64"),
        ...usual,
      });
      return { text: heard.text };
    },
  };
}

/** Tokens in and out. */
function counted(usage) {
  return [usage.inputTokens, usage.outputTokens];
}
