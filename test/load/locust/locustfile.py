"""The traffic of Locust: writes and reads 100:10, every event with a key of its own."""
import os
import random
import uuid

from locust import FastHttpUser, between, task

METRICS = ["api_calls", "storage", "bandwidth"]
TOKEN = os.environ.get("ODOMETER_LOAD_TOKEN")


class Customer(FastHttpUser):
    wait_time = between(0.01, 0.05)
    default_headers = {"Authorization": f"Bearer {TOKEN}"} if TOKEN else {}

    @task(100)
    def send_event(self):
        event = {
            "organization_id": f"org_{random.randint(1, 1000)}",
            "metric_name": random.choice(METRICS),
            "quantity": random.uniform(0.1, 1000),
            "idempotency_key": str(uuid.uuid4()),
        }
        self.client.post("/api/v1/usage/events", json=event, name="write")

    @task(10)
    def read_summary(self):
        period = "start_date=2024-01-01&end_date=2024-12-31"
        self.client.get(f"/api/v1/usage/summary/org_{random.randint(1, 100)}?{period}", name="read")
