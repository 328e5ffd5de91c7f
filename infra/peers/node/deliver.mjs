// One POST to the target, over a connection that `fetch` keeps.

const { TARGET_URL } = process.env;

export const deliver = async (body) => {
  const response = await fetch(TARGET_URL, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      'Idempotency-Key': JSON.parse(body).id,
    },
    body,
    signal: AbortSignal.timeout(10_000),
  });
  // Read to its end, whatever it says: only then is the connection free for the next request.
  await response.arrayBuffer();
  if (!response.ok) {
    throw new Error(`the target answered ${response.status}`);
  }
};
