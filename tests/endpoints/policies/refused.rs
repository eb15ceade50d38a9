//! What no statement allows is refused to sessions of the roles; root makes the same calls, which shows that it
//! is the caller who is at fault.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use aws_sdk_s3::primitives::ByteStream;

use super::calls::{Answer, Caller, Calls};
use super::world::World;

/// Ends the names of what is beside the stack's own: nothing may go by how a name begins.
const BESIDE: &str = "2";

/// A call that a function may not make.
struct Refused {
    function: &'static str,
    what: &'static str,
    call: fn(&Caller, &Names, &Calls) -> Answer,
}

/// Names and URLs that the calls need.
struct Names {
    uploads: String,
    results: String,
    jobs: String,
    jobs_dlq: String,
    uploads_dlq: String,
}

impl Names {
    fn of(world: &World<'_>, end: &str) -> Self {
        let named = |name: &str| world.physical(&format!("{name}{end}"));
        let queue = |name: &str| world.queue(&format!("{name}{end}"));
        Self {
            uploads: named("uploads"),
            results: named("results"),
            jobs: queue("jobs"),
            jobs_dlq: queue("jobs-dlq"),
            uploads_dlq: queue("uploads-dlq"),
        }
    }
}

const KEY: &str = "logs/good.ndjson";

fn read_object(caller: &Caller, names: &Names, calls: &Calls) -> Answer {
    calls.answer(
        caller
            .s3
            .get_object()
            .bucket(&names.uploads)
            .key(KEY)
            .send(),
    )
}

fn list_objects(caller: &Caller, names: &Names, calls: &Calls) -> Answer {
    calls.answer(caller.s3.list_objects_v2().bucket(&names.uploads).send())
}

fn write_object(caller: &Caller, names: &Names, calls: &Calls) -> Answer {
    // Where nothing starts the trigger.
    let put = caller
        .s3
        .put_object()
        .bucket(&names.uploads)
        .key("elsewhere");
    calls.answer(put.body(ByteStream::from_static(b"x")).send())
}

fn delete_object(caller: &Caller, names: &Names, calls: &Calls) -> Answer {
    calls.answer(
        caller
            .s3
            .delete_object()
            .bucket(&names.uploads)
            .key("elsewhere")
            .send(),
    )
}

fn read_item(caller: &Caller, names: &Names, calls: &Calls) -> Answer {
    let get = caller.dynamodb.get_item().table_name(&names.results);
    calls.answer(
        get.key("job_id", AttributeValue::S("none".to_owned()))
            .send(),
    )
}

fn read_items(caller: &Caller, names: &Names, calls: &Calls) -> Answer {
    calls.answer(caller.dynamodb.scan().table_name(&names.results).send())
}

fn query_index(caller: &Caller, names: &Names, calls: &Calls) -> Answer {
    let query = caller
        .dynamodb
        .query()
        .table_name(&names.results)
        .index_name("by_day");
    let query = query.key_condition_expression("#day = :day");
    let query = query.expression_attribute_names("#day", "day");
    let day = AttributeValue::S("none".to_owned());
    calls.answer(query.expression_attribute_values(":day", day).send())
}

fn write_item(caller: &Caller, names: &Names, calls: &Calls) -> Answer {
    let put = caller.dynamodb.put_item().table_name(&names.results);
    calls.answer(
        put.item("job_id", AttributeValue::S("other".to_owned()))
            .send(),
    )
}

fn delete_item(caller: &Caller, names: &Names, calls: &Calls) -> Answer {
    let delete = caller.dynamodb.delete_item().table_name(&names.results);
    calls.answer(
        delete
            .key("job_id", AttributeValue::S("none".to_owned()))
            .send(),
    )
}

fn send(caller: &Caller, url: &str, calls: &Calls) -> Answer {
    calls.answer(
        caller
            .sqs
            .send_message()
            .queue_url(url)
            .message_body("x")
            .send(),
    )
}

fn receive(caller: &Caller, url: &str, calls: &Calls) -> Answer {
    let receive = caller.sqs.receive_message().queue_url(url);
    calls.answer(receive.visibility_timeout(0).send())
}

macro_rules! refused {
    ($($function:ident: $what:literal, $call:expr;)*) => {
        &[$(Refused { function: stringify!($function), what: $what, call: $call },)*]
    };
}

/// On what is the stack's own.
const OWN: &[Refused] = refused! {
    trigger: "read objects", read_object;
    trigger: "list objects", list_objects;
    trigger: "write objects", write_object;
    trigger: "delete objects", delete_object;
    trigger: "read a result", read_item;
    trigger: "read all results", read_items;
    trigger: "read the index of results", query_index;
    trigger: "delete a result", delete_item;
    trigger: "receive jobs", |caller, names, calls| receive(caller, &names.jobs, calls);
    trigger: "send to jobs-dlq", |caller, names, calls| send(caller, &names.jobs_dlq, calls);
    trigger: "receive from uploads-dlq", |caller, names, calls| receive(caller, &names.uploads_dlq, calls);
    worker: "write objects", write_object;
    worker: "delete objects", delete_object;
    worker: "read a result", read_item;
    worker: "read all results", read_items;
    worker: "read the index of results", query_index;
    worker: "delete a result", delete_item;
    worker: "send to uploads-dlq", |caller, names, calls| send(caller, &names.uploads_dlq, calls);
    worker: "receive from jobs-dlq", |caller, names, calls| receive(caller, &names.jobs_dlq, calls);
    // Last: what root sends there is a job that the worker sets aside.
    worker: "send to jobs", |caller, names, calls| send(caller, &names.jobs, calls);
};

/// On what is called as the stack's own is, and a little longer: what a function may do to its own.
const OTHERS: &[Refused] = refused! {
    trigger: "write to another table", write_item;
    trigger: "send to another queue", |caller, names, calls| send(caller, &names.jobs, calls);
    worker: "read another bucket", read_object;
    worker: "list another bucket", list_objects;
    worker: "write to another table", write_item;
    worker: "receive from another queue", |caller, names, calls| receive(caller, &names.jobs, calls);
    worker: "send to another queue", |caller, names, calls| send(caller, &names.jobs_dlq, calls);
};

pub fn all(world: &World<'_>) {
    let (own, beside) = (Names::of(world, ""), Names::of(world, BESIDE));
    let calls = &world.calls;
    make(world, &beside);
    let sessions = ["trigger", "worker"].map(|function| (function, world.session(function)));
    let tried = OWN.iter().map(|row| (row, &own));
    let tried = tried.chain(OTHERS.iter().map(|row| (row, &beside)));
    for (row, names) in tried {
        let session = sessions
            .iter()
            .find(|(function, _)| *function == row.function);
        let (_, session) = session.expect("a session");
        let answer = (row.call)(session, names, calls);
        assert!(
            matches!(answer, Answer::Refused),
            "{} may {}: {answer:?}",
            row.function,
            row.what
        );
        let answer = (row.call)(&calls.root, names, calls);
        assert!(
            matches!(answer, Answer::Done),
            "root may {}: {answer:?}",
            row.what
        );
    }
    world.say(&format!("{} calls refused", OWN.len() + OTHERS.len()));
    remove(world, &beside);
}

/// Makes what is beside the stack.
fn make(world: &World<'_>, names: &Names) {
    let (root, calls) = (&world.calls.root, &world.calls);
    calls.expect(root.s3.create_bucket().bucket(&names.uploads).send());
    let put = root.s3.put_object().bucket(&names.uploads).key(KEY);
    calls.expect(put.body(ByteStream::from_static(b"x")).send());
    for queue in ["jobs", "jobs-dlq"] {
        let name = world.physical(&format!("{queue}{BESIDE}"));
        calls.expect(root.sqs.create_queue().queue_name(name).send());
    }
    let key = KeySchemaElement::builder()
        .attribute_name("job_id")
        .key_type(KeyType::Hash);
    let attribute = AttributeDefinition::builder()
        .attribute_name("job_id")
        .attribute_type(ScalarAttributeType::S);
    let table = root.dynamodb.create_table().table_name(&names.results);
    let table = table.key_schema(key.build().expect("a key"));
    let table = table.attribute_definitions(attribute.build().expect("an attribute"));
    calls.expect(table.billing_mode(BillingMode::PayPerRequest).send());
}

/// What begins as the stack's own would be told of when it goes.
fn remove(world: &World<'_>, names: &Names) {
    let (root, calls) = (&world.calls.root, &world.calls);
    calls.expect(
        root.s3
            .delete_object()
            .bucket(&names.uploads)
            .key(KEY)
            .send(),
    );
    calls.expect(root.s3.delete_bucket().bucket(&names.uploads).send());
    for queue in [&names.jobs, &names.jobs_dlq] {
        calls.expect(root.sqs.delete_queue().queue_url(queue).send());
    }
    calls.expect(
        root.dynamodb
            .delete_table()
            .table_name(&names.results)
            .send(),
    );
}
