"""Sends events by clients of other meters, as their documents show it. Arguments: the API's address, a token."""
import sys

import requests
from cloudevents.conversion import to_binary, to_structured
from cloudevents.http import CloudEvent
from openmeter import Client
from openmeter.models import Event

url, token = sys.argv[1:]


def openmeter_event(number):
    return Event(
        id=f"python-{number}",
        source="test",
        specversion="1.0",
        type="tokens",
        subject="python-openmeter",
        data={"value": 1.5, "model": "large"},
    )


client = Client(endpoint=url, token=token)
client.events.ingest_event(openmeter_event(1))
client.events.ingest_event(openmeter_event(1))
client.events.ingest_events([openmeter_event(2), openmeter_event(3)])

for number, mode in enumerate([to_structured, to_binary, to_binary]):
    attributes = {"id": f"{number}", "source": "test", "type": "tokens", "subject": "python-cloudevents"}
    headers, body = mode(CloudEvent(attributes, {"value": 2}))
    answer = requests.post(f"{url}/api/v1/events", headers={**headers, "Authorization": f"Bearer {token}"}, data=body)
    assert answer.status_code == 204, answer.text
